package patterntest

import (
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Message is a message with a JSON body.
func (h *Hub) Message(id, body string) *hub.Message {
	if id == "" {
		id = hub.NewID(h.Clock.Now())
	}
	m := &hub.Message{ID: id, Time: h.Clock.Now()}
	if body != "" {
		m.Body = hub.NewBody([]byte(body))
	}
	return m
}

// In hands a message to a pipeline as its source does, and gives the reply.
func (h *Hub) In(pipeline string, m *hub.Message) (*hub.Message, error) {
	return h.Runtime.Inject(context.Background(), pipeline, m)
}

// Must is In with a JSON body, for messages that must be taken.
func (h *Hub) Must(pipeline, body string) *hub.Message {
	h.t.Helper()
	reply, err := h.In(pipeline, h.Message("", body))
	if err != nil {
		h.t.Fatalf("%s %s: %v", pipeline, body, err)
	}
	return reply
}

// Put stores messages in a queue (a direct channel), as another pipeline does.
func (h *Hub) Put(queue string, ms ...*hub.Message) {
	h.t.Helper()
	u := &hub.Unit{}
	for _, m := range ms {
		u.Puts = append(u.Puts, hub.Put{Queue: queue, Msg: m})
	}
	if err := h.Runtime.Commit(context.Background(), u); err != nil {
		h.t.Fatal(err)
	}
}

// Advance moves the time and waits until the hub has nothing to do.
func (h *Hub) Advance(d time.Duration) {
	h.t.Helper()
	h.Clock.Advance(d)
	h.Settle()
}

// Settle waits until nothing is ready, due or running.
func (h *Hub) Settle() {
	h.t.Helper()
	quiet := 0
	Until(h.t, "quiet hub", func() bool {
		if quiet++; h.busy() {
			quiet = 0
		}
		return quiet > 2
	})
}

// busy looks at the queues that a stage reads; what lies in others waits for nobody.
func (h *Hub) busy() bool {
	queues, err := h.Store.Queues(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	read := map[string]bool{}
	for _, s := range h.Runtime.Status() {
		if s.Running > 0 {
			return true
		}
		read[s.Queue] = true
	}
	now := h.Clock.Now()
	return slices.ContainsFunc(queues, func(q store.QueueStats) bool {
		return read[q.Queue] && (q.Ready > 0 || q.Waiting > 0 && !q.NextDue.IsZero() && !q.NextDue.After(now))
	})
}
