package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// parcels needs four events, two of them in branches; a fifth only adds a note.
const parcels = `
  order:
    id: order.id
    data: {order: order}
    events: happened
    receive: {noted: {set: {note: =event.text}}}
    states:
      filling:
        parallel:
          money: {states: {owed: {receive: {paid: {set: {sum: =event.sum}, goto: settled}}}, settled: {final: true}}}
          goods: {states: {away: {receive: {arrived: {goto: there}}}, there: {final: true}}}
        next: [{goto: ready}]
      ready: {receive: {picked_up: {goto: shipped}}}
      shipped: {receive: {delivered: {goto: done}}}
      done: {final: true}
`

// permutations are all orders of 0 to n-1.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			out = append(out, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return out
}

// TestEveryOrderOfEvents: the start and its events in all 720 orders, each event twice, reach one end.
func TestEveryOrderOfEvents(t *testing.T) {
	s := start(t, parcels, patterntest.Config{})
	events := []string{"", "paid", "arrived", "picked_up", "delivered", "noted"}
	all := permutations(len(events))
	for k, p := range all {
		id := fmt.Sprintf("W-%d", k)
		for _, i := range p {
			m := process.Start("order", id, id+"s", object(t, fmt.Sprintf(`{"id":%q}`, id)), s.Clock.Now()).Msg
			if i > 0 {
				m = process.Signal("order", id, id+events[i], events[i], object(t, `{"sum":7,"text":"hi"}`), s.Clock.Now()).Msg
			} else {
				m.Key = id // in this order
			}
			again := *m
			s.Put("process order", m, &again)
		}
	}
	s.Settle()
	for k, p := range all {
		v := s.view(fmt.Sprintf("W-%d", k))
		late := p[len(p)-1] == 5 // the note came behind the end: there was nobody to take it
		if v.State != "done" || !strings.Contains(string(v.Data), `"sum":7`) || strings.Contains(string(v.Data), `"note":"hi"`) == late || len(v.Early) > 0 {
			t.Fatalf("order %v: %s %s, early %v", p, v.State, v.Data, v.Early)
		}
	}
	if len(all) != 720 {
		t.Errorf("%d orders", len(all))
	}
	for _, d := range s.Waiting("process order") {
		if d.Msg.Headers.Get("process") != "event" {
			t.Errorf("a message is left: %s %v", d.Msg.ID, d.Msg.Headers)
		}
	}
	for _, d := range s.Dead() {
		if d.Error.Reason != "no_process" || !strings.HasSuffix(d.Msg.ID, "noted") {
			t.Errorf("dead letter %s: %s", d.Msg.ID, d.Error.Message)
		}
	}
}

// An event comes in a new message with the ID of one that was taken long ago.
func TestEventIsRepeatedLater(t *testing.T) {
	s := start(t, parcels, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	for i := range 3 {
		s.put(process.Signal("order", "W-1", "same", "noted", object(t, fmt.Sprintf(`{"text":"%d"}`, i)), s.Clock.Now()))
		s.Advance(time.Hour)
	}
	if v := s.at("W-1", "filling"); !strings.Contains(string(v.Data), `"note":"0"`) || len(v.Early) > 0 {
		t.Errorf("%s %v", v.Data, v.Early)
	}
}

// An event of the whole process that leads nowhere is taken each time that it comes.
func TestEventsThatOnlySet(t *testing.T) {
	s := start(t, parcels, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	for _, text := range []string{"a", "b"} {
		s.signal("W-1", "noted", `{"text":"`+text+`"}`)
		if v := s.at("W-1", "filling"); !strings.Contains(string(v.Data), `"note":"`+text+`"`) || len(v.Early) > 0 {
			t.Errorf("%s: %s, early %v", text, v.Data, v.Early)
		}
	}
}

// An event with a condition waits until it holds; of several for one event the first that holds is taken.
func TestEventsWithConditions(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    early: 2d
    states:
      waiting: {receive: {weighed: [{when: event.kg > 10, goto: heavy}, {when: event.kg > 1, goto: light}], next: {goto: waiting}}}
      heavy: {final: true}
      light: {final: true}
`, patterntest.Config{})
	for id, kg := range map[string]string{"heavy": "11", "light": "2", "waiting": "1"} {
		s.begin(fmt.Sprintf(`{"id":%q}`, id))
		s.signal(id, "weighed", `{"kg":`+kg+`}`)
		s.at(id, id)
	}
	if v := s.at("waiting", "waiting"); len(v.Early) != 1 || v.Early[0].Name != "weighed" {
		t.Errorf("early: %v", v.Early)
	}
	s.Advance(48 * time.Hour)
	if v := s.at("waiting", "waiting"); len(v.Early) != 0 {
		t.Errorf("early: %v", v.Early)
	}
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Reason != "no_process" || dead[0].Error.Class != hub.Rejected {
		t.Errorf("dead letters: %v", dead)
	}
}

// An early event that no condition can be asked of is a dead letter of its own; the start that met it goes on.
func TestEarlyEventThatFails(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    states:
      waiting: {receive: {weighed: {when: event.kg > 10, goto: heavy}, sent: {goto: done}}}
      heavy: {final: true}
      done: {final: true}
`, patterntest.Config{})
	s.signal("W-1", "weighed", `{"pounds":20}`)
	s.begin(`{"id":"W-1"}`)
	if v := s.at("W-1", "waiting"); len(v.Early) != 0 {
		t.Errorf("early: %v", v.Early)
	}
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Invalid || dead[0].Msg.ID != "E1/signal.order.weighed" {
		t.Errorf("dead letters: %v", dead)
	}
	s.signal("W-1", "sent", "")
	s.at("W-1", "done")
}

// Every change of a state is told once, in the short form and in one's own.
func TestChangesAreTold(t *testing.T) {
	for name, c := range map[string]struct{ events, want string }{
		"short": {"happened", `{"process":"order","id":"W-1","state":"%s","from":"%s","at":"2026-03-01T12:00:00Z"}`},
		"long":  {`{send: {happened: '="order." + state'}, with: {order: =id, now: =state, was: =from, total: =order.total}}`, `{"order":"W-1","now":"%s","was":"%s","total":9}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, strings.Replace(card, "events: happened", "events: "+c.events, 1), patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"declined"}`)}})
			s.begin(`{"id":"W-1","total":9}`)
			s.at("W-1", "cancelled")
			patterntest.Want(t, "told", s.WaitingBodies("heard"), fmt.Sprintf(c.want, "billing", ""), fmt.Sprintf(c.want, "cancelling", "billing"), fmt.Sprintf(c.want, "cancelled", "cancelling"))
		})
	}
}

func TestProcessInFormulas(t *testing.T) {
	s := start(t, card+"    public: {status: '=state == \"paid\" ? \"thank you\" : state', since: =since, first: =seen.billing, card: =order.card}\n",
		patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"approved","id":"c1"}`)}})
	ask := func() string { return string(s.Must("ask", `{"id":"W-1"}`).Body.Bytes()) }
	if got := ask(); got != "null" {
		t.Errorf("of none: %s", got)
	}
	s.signal("W-1", "cancel", "")
	if got := ask(); got != "null" {
		t.Errorf("of one that only keeps an event: %s", got)
	}
	s = start(t, card+"    public: {status: '=state == \"paid\" ? \"thank you\" : state', since: =since, first: =seen.billing, card: =order.card}\n",
		patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"approved","id":"c1"}`)}})
	s.begin(`{"id":"W-1","total":9,"card":"x"}`)
	want := `{"id":"W-1","state":"paid","states":["paid"],"since":"2026-03-01T12:00:00Z","closed":null,"version":1,` +
		`"data":{"order":{"id":"W-1","total":9,"card":"x"},"charge":{"result":"approved","id":"c1"}},` +
		`"public":{"status":"thank you","since":"2026-03-01T12:00:00Z","first":"2026-03-01T12:00:00Z","card":"x"}}`
	if got := ask(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.signal("W-1", "picked_up", "")
	s.signal("W-1", "delivered", "")
	if got := ask(); !strings.Contains(got, `"closed":"2026-03-01T12:00:00Z"`) {
		t.Errorf("of an ended one: %s", got)
	}
}
