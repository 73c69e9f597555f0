package clock_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/patterntest"
)

// partner has a list of events, which it gives in pages, behind the one that is asked for.
type partner struct {
	mu     sync.Mutex
	events []string // bodies; the id of the n-th is n, from 1
	page   int
	asked  []string // with what, and the Idempotency-Key
	fails  []error  // of the next calls; nil: it answers
}

func (p *partner) list(_ context.Context, m *hub.Message) (*hub.Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, string(m.Body.Bytes())+" "+m.Headers.Get(hub.HeaderIdempotency))
	if len(p.fails) > 0 {
		err := p.fails[0]
		if p.fails = p.fails[1:]; err != nil {
			return nil, err
		}
	}
	after := 0
	if v, err := m.Body.Doc(); err == nil {
		n, _ := v.Get("after").Num().Int64()
		after = int(n)
	}
	end := min(after+p.page, len(p.events))
	body := fmt.Sprintf(`{"items":[%s],"more":%t}`, strings.Join(p.events[min(after, end):end], ","), end < len(p.events))
	return &hub.Message{Body: hub.NewBody([]byte(body))}, nil
}

// add adds so many events.
func (p *partner) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		p.events = append(p.events, fmt.Sprintf(`{"id":%d}`, len(p.events)+1))
	}
}

func (p *partner) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

const paged = "{poll: out.list, every: 5m, with: {after: '=cursor ?? 0'}, items: =body.items, cursor: =last(items).id, more: =body.more}"

func polled(p *partner, from string, steps ...string) patterntest.Config {
	c := config(from, steps...)
	c.Answers = map[string]patterntest.Answer{"out.list": p.list}
	return c
}

// items are what was sent on, the shortest first: items have no order among each other.
func items(h *patterntest.Hub) []string { return sorted(patterntest.Bodies(h.Sent("out"))) }

func sorted(texts []string) []string {
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	return texts
}

// numbered are the events from the first to the last.
func numbered(first, last int) (out []string) {
	for i := first; i <= last; i++ {
		out = append(out, fmt.Sprintf(`{"id":%d}`, i))
	}
	return out
}

func TestPoll(t *testing.T) {
	p := &partner{page: 100}
	h := patterntest.Start(t, polled(p, paged))
	h.Settle()
	p.add(2)
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "the first poll", items(h), numbered(1, 2)...)
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "nothing new", items(h), numbered(1, 2)...)
	p.add(1)
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "the third poll", items(h), numbered(1, 3)...)
	m := h.Sent("out")[2]
	if m.Key != "3" || m.Correlation != "3" || !strings.HasPrefix(m.ID, "p-3-") {
		t.Errorf("the message is %s with the key %q and the correlation %q", m.ID, m.Key, m.Correlation)
	}
	asked := p.requests()
	if len(asked) != 3 {
		t.Fatalf("it was asked %d times: %q", len(asked), asked)
	}
	for i, with := range []string{`{"after":0}`, `{"after":2}`, `{"after":2}`} {
		if !strings.HasPrefix(asked[i], with+" ") || i > 0 && asked[i] == asked[i-1] {
			t.Errorf("request %d was %q, want %s and a key of its own", i+1, asked[i], with)
		}
	}
	if got := strings.Join(h.History("p!clock"), "; "); strings.Count(got, "called") != 2 {
		t.Errorf("the history tells of polls that brought nothing: %q", got)
	}
}

// A page is followed by the next one at once.
func TestPollMore(t *testing.T) {
	p := &partner{page: 10}
	p.add(35)
	h := patterntest.Start(t, polled(p, paged))
	h.Settle()
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "all pages", items(h), numbered(1, 35)...)
	if n := len(p.requests()); n != 4 {
		t.Errorf("it was asked %d times, want 4", n)
	}
}

// A list without a cursor, or whose cursor takes the last item again, brings what is new and what has changed.
func TestPollOfAWholeList(t *testing.T) {
	p := &partner{page: 100}
	p.add(3)
	h := patterntest.Start(t, polled(p, "{poll: out.list, every: 5m, items: =body.items}"))
	h.Settle()
	h.Advance(5 * time.Minute)
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "the same list twice", items(h), numbered(1, 3)...)
	p.mu.Lock()
	p.events[1] = `{"id":2,"state":"paid"}`
	p.mu.Unlock()
	p.add(1)
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "one changed, one new", items(h), append(numbered(1, 4), `{"id":2,"state":"paid"}`)...)
	for _, asked := range p.requests() {
		if !strings.HasPrefix(asked, " ") {
			t.Errorf("it was asked with %q, want nothing", asked)
		}
	}
}

// The hub is stopped between polls and in the middle of one that fails: nothing comes twice, nothing is lost.
func TestPollRestart(t *testing.T) {
	p := &partner{page: 2}
	p.add(5)
	c := polled(p, paged)
	c.Clock, c.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	h := patterntest.Start(t, c)
	h.Settle()
	away := hub.Fail(hub.Unavailable, "away", "the partner is away")
	p.fails = []error{nil, away} // the second page
	h.Advance(5 * time.Minute)
	got := items(h)
	patterntest.Want(t, "before the partner went away", got, numbered(1, 2)...)
	h.Stop()
	h = patterntest.Start(t, c)
	h.Settle()
	patterntest.Want(t, "after the restart", append(got, items(h)...), numbered(1, 5)...)
	asked := p.requests()
	if asked[1] != asked[2] {
		t.Errorf("the page that failed was asked for with %q and then with %q, want the same key", asked[1], asked[2])
	}
}

// No error stops a poll; none begins meanwhile.
func TestPollThatFails(t *testing.T) {
	p := &partner{page: 10}
	p.add(1)
	for range 8 {
		p.fails = append(p.fails, hub.Fail(hub.Rejected, "http_403", "no right"))
	}
	h := patterntest.Start(t, polled(p, paged))
	h.Settle()
	h.Advance(5 * time.Minute)
	if left := h.Waiting("p!clock"); len(left) != 1 || left[0].Error == nil || left[0].Error.Reason != "http_403" || left[0].Error.Where != "p/poll out.list" {
		t.Fatalf("the clock waits as %+v", left)
	}
	for range 12 {
		h.Advance(5 * time.Minute)
	}
	patterntest.Want(t, "after all", items(h), numbered(1, 1)...)
	if n := len(p.requests()); n > 8+1+12 {
		t.Errorf("it was asked %d times", n)
	}
	if dead := h.Dead(); len(dead) > 0 {
		t.Errorf("dead letters: %v", dead[0].Error)
	}
}

func TestPollOfNoList(t *testing.T) {
	p := &partner{page: 10}
	h := patterntest.Start(t, polled(p, "{poll: out.list, every: 5m, items: =body.more}"))
	h.Settle()
	h.Advance(5 * time.Minute)
	if left := h.Waiting("p!clock"); len(left) != 1 || left[0].Error == nil || left[0].Error.Reason != hub.BadResponse {
		t.Fatalf("the clock waits as %+v", left)
	}
}

// Items without an id have no key; the author may say what tells one from others. One that stands in an answer twice comes once.
func TestPollIDs(t *testing.T) {
	for id, want := range map[string][]string{
		"":              {` "text"`, ` {"n":1}`, ` {"n":2}`},
		", id: item.n":  {`1 {"n":1}`, `2 {"n":2}`},
		", id: =item.n": {`1 {"n":1}`, `2 {"n":2}`},
	} {
		t.Run(id, func(t *testing.T) {
			p := &partner{page: 10, events: []string{`{"n":1}`, `{"n":1}`, `{"n":2}`}}
			if id == "" {
				p.events = append(p.events, `"text"`)
			}
			h := patterntest.Start(t, polled(p, "{poll: out.list, every: 5m, items: =body.items"+id+"}"))
			h.Settle()
			h.Advance(5 * time.Minute)
			h.Advance(5 * time.Minute)
			var got []string
			for _, m := range h.Sent("out") {
				got = append(got, m.Key+" "+string(m.Body.Bytes()))
			}
			patterntest.Want(t, "the messages", sorted(got), want...)
		})
	}
}

// An item that does not fit is a dead letter; its neighbours go on.
func TestPollRefusesOne(t *testing.T) {
	p := &partner{page: 10}
	p.add(3)
	h := patterntest.Start(t, polled(p, paged, "- {fail: rejected, when: body.id == 2}"))
	h.Settle()
	h.Advance(5 * time.Minute)
	patterntest.Want(t, "its neighbours", items(h), `{"id":1}`, `{"id":3}`)
	if n := len(h.Dead()); n != 1 {
		t.Errorf("%d dead letters, want the one", n)
	}
}

// texts is a format whose values are texts, such as CSV.
var texts = hub.FormatOf(hub.FormatKind{Name: "texts", Types: []string{"text/x-list"}}, func() *struct{} { return &struct{}{} }, nil,
	func(*struct{}, func(string) *hub.Format) (*hub.Format, error) {
		return &hub.Format{Name: "texts", Type: "text/x-list", Untyped: true, Decode: func(raw []byte) (doc.Value, error) {
			var items []doc.Value
			for line := range strings.FieldsSeq(string(raw)) {
				id, total, _ := strings.Cut(line, ";")
				items = append(items, doc.ObjectOf([]doc.Field{{Name: "id", Value: doc.StringValue(id)}, {Name: "total", Value: doc.StringValue(total)}}))
			}
			return doc.ListOf(items), nil
		}}, nil
	})

// TestPollTypes: the schema of a poll says what the texts of its items are, as that of a source does; what does not fit is refused, the others go on.
func TestPollTypes(t *testing.T) {
	schema := filepath.Join(t.TempDir(), "line.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object","required":["id","total"],"properties":{"id":{"type":"string"},"total":{"type":"number"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config("{poll: out.list, every: 5m, schema: line}")
	c.YAML = "schemas: {line: " + schema + "}\n" + c.YAML
	c.Registry.Formats = append(c.Registry.Formats, texts)
	c.Answers = map[string]patterntest.Answer{"out.list": func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Headers: hub.Headers{hub.HeaderContentType: "text/x-list"}, Body: hub.NewBody([]byte("7;2.50 8;many 9;1"))}, nil
	}}
	h := patterntest.Start(t, c)
	h.Settle()
	h.Advance(5 * time.Minute)
	h.Settle()
	if got := fmt.Sprint(items(h)); got != `[{"id":"9","total":1} {"id":"7","total":2.50}]` {
		t.Errorf("%s", got)
	}
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Reason != "schema" {
		t.Errorf("%v", dead)
	}
}
