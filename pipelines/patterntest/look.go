package patterntest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Sent are the messages that a fake adapter's target took: "mail", "mail order-status".
func (h *Hub) Sent(target string) []*hub.Message {
	h.far.mu.Lock()
	defer h.far.mu.Unlock()
	return slices.Clone(h.far.sent[target])
}

// Called are the requests that an operation got: "billing.charge".
func (h *Hub) Called(op string) []*hub.Message {
	h.far.mu.Lock()
	defer h.far.mu.Unlock()
	return slices.Clone(h.far.calls[op])
}

// Reader is how a pipeline subscribed to the channel that its broker carries.
func (h *Hub) Reader(pipeline string) hub.Subscription {
	h.far.mu.Lock()
	defer h.far.mu.Unlock()
	return h.far.readers[pipeline]
}

// Waiting are the messages that lie in a queue: a channel that nobody reads, a timer's address.
func (h *Hub) Waiting(queue string) []*hub.Delivery {
	return h.browse(store.BrowseQuery{Queue: queue, Limit: 100_000})
}

// Dead are the dead letters.
func (h *Hub) Dead() []*hub.Delivery {
	return h.browse(store.BrowseQuery{State: hub.Dead, Limit: 1000})
}

func (h *Hub) browse(q store.BrowseQuery) []*hub.Delivery {
	h.t.Helper()
	list, err := h.Store.Browse(context.Background(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// Records are the keys and values of a kind.
func (h *Hub) Records(kind string) map[string]string {
	h.t.Helper()
	list, err := h.Store.List(context.Background(), kind, "", "", 20_000)
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range list {
		out[r.Key] = string(r.Value)
	}
	return out
}

// Counters are the counters of a kind.
func (h *Hub) Counters(kind string) map[string]int64 {
	h.t.Helper()
	out, err := h.Store.Counters(context.Background(), kind, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// History is what is known of a root message or a correlation, one "what detail" a line.
func (h *Hub) History(id string) []string {
	h.t.Helper()
	rows, err := h.Store.History(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		for _, e := range r.Events {
			line := e.What
			if e.Detail != "" {
				line += " " + e.Detail
			}
			out = append(out, line)
		}
	}
	return out
}

// Bodies are the bodies as text.
func Bodies(ms []*hub.Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, string(m.Body.Bytes()))
	}
	return out
}

// Messages are the messages of deliveries.
func Messages(ds []*hub.Delivery) []*hub.Message {
	var out []*hub.Message
	for _, d := range ds {
		out = append(out, d.Msg)
	}
	return out
}

// Want reports texts that are not as wanted.
func Want(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

// WaitingBodies are the bodies of the messages that wait in the queue, in order.
func (h *Hub) WaitingBodies(queue string) []string { return Bodies(Messages(h.Waiting(queue))) }

// Refused is the error that the caller of pipeline p is told for a message M with the body: class, reason, place and message.
func (h *Hub) Refused(t testing.TB, body string) string {
	t.Helper()
	_, err := h.In("p", h.Message("M", body))
	if err == nil {
		t.Fatalf("%s was taken", body)
	}
	e := hub.AsError(err)
	return fmt.Sprintf("%s %s %s %s: %s", e.Class, e.Reason, e.Where, filepath.Base(e.Line), e.Error())
}

// Faults loads each case and reports those that are not told as one error at
// their place with their help. A case is {steps, the problem with its place, the help}.
func Faults(t *testing.T, config func(steps string) Config, cases map[string][3]string) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := Problems(t, config(c[0]))
			if !strings.Contains(got, "pipelines.yaml:"+c[1]) || !strings.Contains(got, "help: "+c[2]) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant one error: %s\nhelp: %s", got, c[1], c[2])
			}
		})
	}
}
