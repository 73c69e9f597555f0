package process_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/route"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/table"
	"orderhub/pipelines/validate"
)

func registry() pipelines.Registry {
	return pipelines.Registry{
		Patterns: append(process.Patterns(), call.Pattern(), send.Pattern(), set.Pattern(), route.Pattern(), reply.Pattern(), fail.Pattern(), validate.Pattern(), table.Pattern()),
		Funcs:    table.Funcs(),
		Sections: []pipelines.Section{process.Section()},
	}
}

// far are the adapters and channels of every test.
const far = `
adapters:
  web: {type: fake-web}
  billing: {type: fake, ops: [charge, refund]}
  shipping: {type: fake, ops: [pick, book, cancel]}
  mail: {type: fake}
channels:
  starts: {type: direct}
  signals: {type: direct}
  limits: {type: direct}
  happened: {type: topic, key: 'body.id ?? body.order'}
  ops: {type: direct}
  log: {type: direct}
  heard: {type: direct}
pipelines:
  hear: {from: {happened: "#"}, steps: [{send: heard}]}
  ask: {from: {web: GET /orders}, steps: [{reply: {body: '=process("order", body.id)'}}]}
  limit: {from: limits, steps: [{table: {put: limits, key: '="a"', value: =body}}]}
  start: {from: starts, steps: [{start: order}]}
  tell: {from: signals, steps: [{signal: {order: =body.id, event: =body.event, with: =body.with}}]}
`

// orderSchema is the data of every test.
const orderSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"total":{"type":"number"},"card":{"type":"string"},"items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}}}}`

// site is a running hub with a process named order.
type site struct {
	*patterntest.Hub
	t testing.TB
	n int
}

func start(t testing.TB, processes string, c patterntest.Config) *site {
	t.Helper()
	return startWith(t, c, processes, "order", orderSchema)
}

// startWith runs the processes with schemas, given as names and texts. c.YAML stands before them; far when it is empty.
func startWith(t testing.TB, c patterntest.Config, processes string, schemas ...string) *site {
	t.Helper()
	dir, named := t.TempDir(), []string{}
	for pair := range slices.Chunk(schemas, 2) {
		file := filepath.Join(dir, pair[0]+".json")
		if err := os.WriteFile(file, []byte(pair[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		named = append(named, pair[0]+": "+file)
	}
	c.YAML = cmp.Or(c.YAML, far) + "schemas: {" + strings.Join(named, ", ") + "}\nprocesses:\n" + processes
	if c.Registry.Patterns == nil {
		c.Registry = registry()
	}
	return &site{Hub: patterntest.Start(t, c), t: t}
}

func (s *site) begin(body string) {
	s.t.Helper()
	s.hand(body)
	s.Settle()
}

// hand starts an instance, and does not wait.
func (s *site) hand(body string) {
	s.t.Helper()
	s.n++
	s.Put("starts", s.Message(fmt.Sprintf("S%d", s.n), body))
}

func (s *site) signal(id, event, with string) {
	s.t.Helper()
	s.tell(id, event, with)
	s.Settle()
}

// tell signals an event, and does not wait.
func (s *site) tell(id, event, with string) {
	s.t.Helper()
	s.n++
	if with == "" {
		with = "null"
	}
	s.Put("signals", s.Message(fmt.Sprintf("E%d", s.n), fmt.Sprintf(`{"id":%q,"event":%q,"with":%s}`, id, event, with)))
}

func (s *site) put(p hub.Put) {
	s.t.Helper()
	if err := s.Runtime.Commit(context.Background(), &hub.Unit{Puts: []hub.Put{p}}); err != nil {
		s.t.Fatal(err)
	}
	s.Settle()
}

func (s *site) view(id string) *process.View {
	s.t.Helper()
	v, err := process.Find(context.Background(), s.Store, process.Of(s.Plan), "order", id)
	if errors.Is(err, hub.ErrNotFound) {
		return &process.View{State: "none"}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// at wants the instance in a state.
func (s *site) at(id, state string) *process.View {
	s.t.Helper()
	v := s.view(id)
	if v.State != state {
		s.t.Errorf("%s is in %q, want %q", id, v.State, state)
		b, _ := json.MarshalIndent(v, "", "  ")
		s.t.Logf("%s", b)
		for _, d := range s.Dead() {
			s.t.Logf("dead letter in %s: %s: %s", d.Queue, d.Error.Where, d.Error.Message)
		}
	}
	return v
}

// calls are the requests of an operation: their Idempotency-Keys, each once.
func (s *site) calls(op string) []string {
	var keys []string
	seen := map[string]bool{}
	for _, m := range s.Called(op) {
		if k := m.Headers.Get(hub.HeaderIdempotency); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func (s *site) wantCalls(op string, n int) {
	s.t.Helper()
	if got := s.calls(op); len(got) != n {
		s.t.Errorf("%s was called with %d keys, want %d: %q", op, len(got), n, got)
	}
}

func object(t testing.TB, s string) doc.Value {
	v, err := doc.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// clean wants that nothing is left of ended instances: no message, task, dead letter, stuck place, and no token but in final states.
func (s *site) clean() { s.t.Helper(); s.cleanBut(0) }

// cleanBut is clean, but for so many dead letters.
func (s *site) cleanBut(dead int) {
	s.t.Helper()
	if left := s.Waiting("process order"); len(left) > dead {
		for _, d := range left {
			s.t.Errorf("a message is left: %s %v", d.Msg.ID, d.Msg.Headers)
		}
	}
	if letters := s.Dead(); len(letters) != dead {
		for _, d := range letters {
			s.t.Errorf("dead letter in %s: %s: %s", d.Queue, d.Error.Where, d.Error.Message)
		}
	}
	if n := len(s.Records("task")) + len(s.Records("task.due")) + len(s.Records("process.stuck")); n != 0 {
		s.t.Errorf("%d tasks and stuck places are left", n)
	}
	populations, err := process.Populations(context.Background(), s.Store, process.Of(s.Plan), "order")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range populations {
		if !p.Final || p.Count < 0 {
			s.t.Errorf("%d tokens are counted in %s", p.Count, p.State)
		}
	}
}

// idle tells that no message is due but those that drive, which may stand before a gate.
func (s *site) idle() bool {
	if len(s.Waiting("starts"))+len(s.Waiting("signals")) > 0 {
		return false
	}
	for _, d := range s.Waiting("process order") {
		do, _, _ := strings.Cut(d.Msg.Headers.Get("process"), " ")
		if do != "start" && do != "drive" && !d.Due.After(s.Clock.Now()) {
			return false
		}
	}
	return true
}
