// Package stub holds the partners the hub talks to when no URL is configured: billing, two carriers, a courier, the
// catalog, two stock services and a mail server. They are real servers on loopback, answer by magic values (README.md)
// and keep a Ledger of every effect: the judge of "charged exactly once, shipped exactly once".
package stub

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxBody = 1 << 20
	maxKey  = 255
)

// Env is what the partners share. Ledger and Faults must be set; the owner closes Done to end all waiting.
type Env struct {
	Ledger  *Ledger
	Faults  *Faults
	Latency time.Duration   // before every answer, after its effect
	Slow    time.Duration   // what a slow partner takes
	Done    <-chan struct{} // may be nil
	Told    func(Effect)    // learns of every effect of the HTTP partners when it is recorded; may be nil
}

// route is one operation of a service. pure: no effect, nothing to remember.
type route struct {
	pattern string // "POST /charges"
	op      string
	say     string // what to send
	pure    bool
	do      func(*call) outcome
}

// service is one HTTP partner.
type service struct {
	name   string
	env    Env
	routes []route
	mux    *http.ServeMux
}

var _ http.Handler = (*service)(nil)

// call is one request inside its turn.
type call struct {
	*http.Request
	turn
	body []byte
	say  string
}

func newService(name string, env Env, routes ...route) *service {
	s := &service{name: name, env: env, routes: routes, mux: http.NewServeMux()}
	for _, rt := range routes {
		s.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, rt) })
	}
	mountDesk(s.mux, env, name)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		noRoute(r, s.patterns()).write(w)
	})
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *service) patterns() (all []string) {
	for _, rt := range s.routes {
		all = append(all, rt.pattern)
	}
	return append(all, "GET /_ledger", "POST /_fault")
}

func noRoute(r *http.Request, routes []string) outcome {
	return problem{Status: http.StatusNotFound, Code: "no_route", Detail: fmt.Sprintf("no route %s %s", r.Method, r.URL.Path),
		Send: "one of the routes", Routes: routes}.outcome()
}

// serve takes one request: read it, meet a fault, have the effect, wait, answer.
func (s *service) serve(w http.ResponseWriter, r *http.Request, rt route) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(http.StatusBadRequest, "bad_body", rt.say, "read the body: %v", err).write(w)
		return
	}
	a := arrival{service: s.name, op: rt.op, key: r.Header.Get("Idempotency-Key"), hash: hashOf(rt.op, r.URL.Path, body)}
	fault := s.env.Faults.take(s.name, rt.op, nil)
	if fault.fails() && !fault.After {
		s.meet(w, r, a, fault)
		return
	}
	out := s.run(r, rt, a, body)
	delay := s.env.Latency + fault.Delay
	if out.slow {
		delay += s.env.Slow
	}
	s.pause(r, delay)
	if fault.fails() {
		s.fail(w, fault)
		return
	}
	out.write(w)
}

func (s *service) run(r *http.Request, rt route, a arrival, body []byte) outcome {
	if len(a.key) > maxKey {
		return refuse(http.StatusBadRequest, "bad_key", fmt.Sprintf("an Idempotency-Key of at most %d bytes", maxKey),
			"the Idempotency-Key has %d bytes", len(a.key))
	}
	c := &call{Request: r, body: body, say: rt.say}
	if rt.pure {
		if err := s.env.Ledger.arrive(a); err != nil {
			return broken(err)
		}
		return rt.do(c)
	}
	out, err := s.env.Ledger.apply(a, func(t turn) outcome {
		c.turn = t
		return rt.do(c)
	})
	if errors.Is(err, errKeyReused) {
		return refuse(http.StatusUnprocessableEntity, "idempotency_key_reused", "the same request again, or a new Idempotency-Key",
			"the key %q was used for another request", a.key)
	}
	if err != nil {
		return broken(err)
	}
	if out.op != "" && s.env.Told != nil {
		s.env.Told(Effect{Service: s.name, Op: out.op, Ref: out.ref, Data: out.data})
	}
	return out
}

// meet answers a request that meets a fault before it has an effect. Nothing arrives at a partner that is down.
func (s *service) meet(w http.ResponseWriter, r *http.Request, a arrival, fault Fault) {
	if fault.Down == 0 {
		if err := s.env.Ledger.arrive(a); err != nil {
			broken(err).write(w)
			return
		}
	}
	s.pause(r, fault.Delay)
	s.fail(w, fault)
}

func (s *service) fail(w http.ResponseWriter, fault Fault) {
	if fault.Down > 0 {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	out := refuse(fault.Status, "fault", "the same again: this fault was ordered by POST /_fault",
		"%s answers %d as told", s.name, fault.Status)
	if fault.Status == http.StatusTooManyRequests {
		out.header = http.Header{"Retry-After": {"1"}}
	}
	out.write(w)
}

// pause waits d; the end of the request or of the world cuts the connection.
func (s *service) pause(r *http.Request, d time.Duration) {
	if !wait(d, r.Context().Done(), s.env.Done) {
		panic(http.ErrAbortHandler)
	}
}

// wait waits d; false: the caller is gone or the world ended before.
func wait(d time.Duration, gone, ended <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-ended:
	}
	return false
}

func broken(err error) outcome {
	return refuse(http.StatusInternalServerError, "ledger_unwritable", "the same again when the disk has room",
		"nothing happened: %v", err)
}

// reads makes do an operation whose body is a T; the answer to any other body says what to send.
func reads[T any](do func(*call, T) outcome) func(*call) outcome {
	return func(c *call) outcome {
		var req T
		if err := decodeStrict(c.body, &req); err != nil {
			return c.unread(err)
		}
		return do(c, req)
	}
}

// unread is the answer to a request that can't be read.
func (c *call) unread(err error) outcome {
	return refuse(http.StatusBadRequest, "bad_request", c.say, "%v", err)
}

// wrong is the answer to a request that can be read but not done.
func (c *call) wrong(code, detail string, args ...any) outcome {
	return refuse(http.StatusUnprocessableEntity, code, c.say, detail, args...)
}

// id derives the ID that this request gives out.
func (c *call) id(prefix string) string { return derive(prefix, c.seed) }

// ref is the order the request is about: from its body, its X-Order header, or an ID that was given out before.
func (c *call) ref(order orderRef, ids ...string) string {
	if order != "" {
		return string(order)
	}
	if h := c.Header.Get("X-Order"); h != "" {
		return h
	}
	for _, id := range ids {
		if order := c.refs[id]; order != "" {
			return order
		}
		if id != "" {
			return id
		}
	}
	return ""
}
