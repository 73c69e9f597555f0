package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/stub"
)

// soon is how long a test waits for what takes milliseconds on an idle machine.
const soon = 20 * time.Second

// await waits until ok.
func await(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in %v: %s", within, what)
		}
	}
}

// promised is await for a promise of time: that in which the machine stood still does not count.
func promised(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	stood := hubtest.Standstill(t)
	for began := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > within+stood() {
			t.Fatalf("not in %v: %s", within, what)
		}
	}
}

// until is await, with the hub's own view of things in the failure.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(soon); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not in %v: %s\n%s", soon, what, s.report())
		}
	}
}

func (s *site) report() string {
	status, _ := s.hub("status")
	dead, _ := s.hub("dlq")
	return status + dead + s.tail()
}

// running is a site whose hub answers. edits are pairs of texts that change a copy of the configuration.
func running(t testing.TB, edits ...string) *site {
	t.Helper()
	s := newSite(t, "", stub.Options{})
	if len(edits) > 0 {
		s.edit(edits...)
	}
	s.start()
	return s
}

// quick are edits that make retries and the breaker fast enough to watch.
var quick = []string{
	"gateway: {times: 8, wait: 1s..5m,", "gateway: {times: 8, wait: 50ms..400ms,",
	"patient: {times: 60, wait: 1s..6h,", "patient: {times: 60, wait: 50ms..400ms,",
}

// steady bounds the pauses between tries, as quick does, where an order may meet a machine that is busy for long.
var steady = []string{"patient: {times: 60, wait: 1s..6h,", "patient: {times: 60, wait: 1s..10s,"}

// edit changes the site's own copy of the configuration.
func (s *site) edit(edits ...string) {
	s.t.Helper()
	dir := filepath.Join(s.dir, "config")
	if filepath.Dir(s.config) != dir {
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(root(s.t), "config"))); err != nil {
			s.t.Fatal(err)
		}
		s.config = filepath.Join(dir, "pipelines.yaml")
	}
	b, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	text := string(b)
	for pair := range slices.Chunk(edits, 2) {
		if !strings.Contains(text, pair[0]) {
			s.t.Fatalf("the configuration has no %q to change", pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// answer is what the hub answered over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// problem decodes a problem+json.
func (a answer) problem(t testing.TB) (p struct {
	Type, Title, Detail, Code string
	Status                    int
	Trace                     string `json:"trace_id"`
	Errors                    []struct{ Pointer, Detail string }
}) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q, want application/problem+json", got)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Errorf("no problem: %v: %s", err, a)
	}
	return p
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Second}}

// try makes a request; headers are pairs of name and value, an empty value leaves the header out.
func (s *site) try(method, path, body string, headers ...string) (a answer, err error) {
	req, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		if req.Header.Del(pair[0]); pair[1] != "" {
			req.Header.Set(pair[0], pair[1])
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(raw)}, err
}

func (s *site) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.tail())
	}
	return a
}

// post sends an order that must be taken.
func (s *site) post(path, body string) {
	s.t.Helper()
	if a := s.do("POST", path, body); a.status != http.StatusAccepted {
		s.t.Fatalf("POST %s: %s", path, a)
	}
}

func (s *site) sample(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(root(s.t), "config", "samples", name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// view is an order as its customer sees it.
type view struct {
	ID       string `json:"order_id"`
	State    string
	Source   string
	Reason   *string
	Total    json.Number
	Currency string
	Carrier  string
	Tracking string
}

func (s *site) view(order string) (v view) {
	s.t.Helper()
	a := s.do("GET", "/orders/"+order, "")
	if a.status != http.StatusOK && a.status != http.StatusNotFound {
		s.t.Fatalf("GET /orders/%s: %s", order, a)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		s.t.Fatalf("GET /orders/%s: %v: %s", order, err, a)
	}
	return v
}

// reach waits until an order is in a state.
func (s *site) reach(order, state string) view {
	s.t.Helper()
	var v view
	s.until(order+" is "+state, func() bool { v = s.view(order); return v.State == state })
	return v
}

// effects are what a partner did for an order.
func (s *site) effects(service, op, order string) []stub.Effect {
	return s.world.Ledger().Select(stub.Query{Service: service, Op: op, Ref: order})
}

// mails are the subjects of the mails to an address, in order.
func (s *site) mails(to string) []string {
	subjects := []string{}
	for _, e := range s.world.Ledger().Effects("mail", "send") {
		var m struct {
			To      []string
			Subject string
		}
		if err := json.Unmarshal(e.Data, &m); err != nil {
			s.t.Fatal(err)
		}
		if slices.Contains(m.To, to) {
			subjects = append(subjects, m.Subject)
		}
	}
	return subjects
}

// ask runs a verb with -o json and decodes what it prints.
func (s *site) ask(into any, args ...string) {
	s.t.Helper()
	out, err := s.verb(args...)
	if err == nil {
		err = json.Unmarshal([]byte(out), into)
	}
	if err != nil {
		s.t.Fatalf("hub %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// verb is stdout of a verb with -o json.
func (s *site) verb(args ...string) (string, error) {
	cmd := exec.Command(s.bin, append(args, "-o", "json")...)
	cmd.Env, cmd.Dir = s.env, s.dir
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, talk.String())
	}
	return string(out), err
}

// state is what `hub status -o json` tells.
type state struct {
	Revision string
	Stages   []struct {
		Name         string
		Done, Failed int64
		Paused       bool
	}
	Queues   []queue
	Counters map[string]map[string]int64
	Paused   []struct{ Pipeline, Reason string }
}

type queue struct {
	Queue                      string
	Ready, Waiting, Held, Dead int
}

// status leaves out the queues of clocks, whose one message always waits for the next time.
func (s *site) status() (st state) {
	s.t.Helper()
	s.ask(&st, "status")
	st.Queues = slices.DeleteFunc(st.Queues, func(q queue) bool { return strings.HasSuffix(q.Queue, "!clock") })
	return st
}

// queue is how many messages lie in a queue, and how many of them are dead.
func (st state) queue(name string) (waiting, dead int) {
	for _, q := range st.Queues {
		if q.Queue == name {
			return q.Ready + q.Waiting + q.Held, q.Dead
		}
	}
	return 0, 0
}

func (st state) dead() (n int) {
	for _, q := range st.Queues {
		n += q.Dead
	}
	return n
}

// quiet waits until nothing is on its way but what nobody reads.
func (s *site) quiet() (st state) {
	s.t.Helper()
	s.until("all is quiet", func() bool {
		st = s.status()
		for _, q := range st.Queues {
			if q.Queue != "audit" && q.Queue != "orders.invalid" && q.Ready+q.Waiting+q.Held > 0 {
				return false
			}
		}
		return true
	})
	return st
}

// trace is what `hub trace ORDER -o json` tells.
type trace struct {
	State        string
	Roots        []string
	Correlations []string
	Events       []event
	Stored       []struct{ Queue, State string }
}

type event struct {
	Time                               time.Time
	Message, Where, Line, What, Detail string
}

func (s *site) trace(id string) (v trace) {
	s.t.Helper()
	s.ask(&v, "trace", id)
	return v
}

// happened is how often an event is in the trace.
func (v trace) happened(where, what, detail string) (n int) {
	for _, e := range v.Events {
		if e.Where == where && e.What == what && strings.HasPrefix(e.Detail, detail) && !e.Time.IsZero() {
			n++
		}
	}
	return n
}

// kept reads a queue from the store of a hub that has ended.
func (s *site) kept(queue string) (bodies []string) {
	s.t.Helper()
	st, err := drivers.Open(context.Background(), "sqlite:"+filepath.Join(s.dir, "hub.db"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	list, err := st.Browse(context.Background(), store.BrowseQuery{Queue: queue})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range list {
		bodies = append(bodies, string(d.Msg.Body.Bytes()))
	}
	return bodies
}

// end stops the hub with SIGTERM.
func (s *site) end() {
	s.t.Helper()
	if _, err := s.stop(); err != nil {
		s.t.Fatalf("SIGTERM: %v\n%s", err, s.tail())
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

func has(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}
