package scenario

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// mock is who stands in for an operation, for the reader of a channel, or for a
// whole partner that is described by its OpenAPI file.
type mock struct {
	answers []*answer // one after another; the last one again and again
	partner *partner
}

// answer is what is answered: a value, a reply with a status, or an error.
type answer struct {
	value   *value
	status  int
	headers []field
	fails   hub.Class
	say     string
}

// mocks reads a map of mocks.
func (rd *reader) mocks(n *yamlfile.Node) map[string]*mock {
	out := map[string]*mock{}
	n.Is(yamlfile.Map, "E420", "write mock: {billing.charge: {result: approved}}", "`mock` is a map of operations and answers")
	for key, value := range n.Entries() {
		name := key.Raw()
		switch {
		case rd.has("adapters", name):
			if m := rd.partner(name, value); m != nil {
				out[name] = m
			}
		case rd.callable(key):
			out[name] = rd.mockOf(value)
		}
	}
	return out
}

// callable reports a name that no step calls.
func (rd *reader) callable(n *yamlfile.Node) bool {
	calls := rd.calls()
	if slices.Contains(calls, n.Raw()) {
		return true
	}
	n.Errorf("E421", didYouMean(n.Raw(), slices.Concat(calls, rd.all("adapters"))), "no step calls %q", n.Raw())
	return false
}

// partner is an adapter that is answered by its OpenAPI file.
func (rd *reader) partner(name string, n *yamlfile.Node) *mock {
	file, ok := n.Text()
	if !ok {
		return nil
	}
	p, err := readPartner(rd.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		n.Warnf("W422", "give a file relative to the configuration's folder", "cannot read %s: a test that needs it fails", file)
		return nil
	}
	if err != nil {
		n.Errorf("E422", "name its OpenAPI file, or mock its operations: {"+name+".operation: {…}}", "%s can't stand in for %s: %s", file, name, err)
		return nil
	}
	return &mock{partner: p}
}

func (rd *reader) mockOf(n *yamlfile.Node) *mock {
	m := &mock{}
	for _, item := range n.Several() {
		m.answers = append(m.answers, rd.answerOf(item))
	}
	if len(m.answers) == 0 {
		n.Errorf("E423", "write the answers; the last one is given again and again", "an empty list of answers")
	}
	return m
}

func (rd *reader) answerOf(n *yamlfile.Node) *answer {
	switch {
	case n.Get("fail") != nil:
		n.Allow("failing mock", "fail", "say")
		return &answer{fails: rd.class(n.Get("fail")), say: n.Get("say").Str()}
	case n.Get("status") != nil && !slices.ContainsFunc(n.Keys(), func(key string) bool { return key != "status" && key != "body" && key != "headers" }):
		a := &answer{headers: rd.texts(n.Get("headers"))}
		if code, err := strconv.Atoi(n.Get("status").Raw()); err == nil { // else it is the answer's own field: {status: shipped}
			a.status, a.value = code, rd.value(n.Get("body"))
			return a
		}
	}
	return &answer{value: rd.value(n)}
}

// class is a class of errors.
func (rd *reader) class(n *yamlfile.Node) hub.Class {
	c := hub.Class(n.Str())
	if !slices.Contains(hub.Classes, c) {
		known := pipelines.Names(hub.Classes, func(k hub.Class) string { return string(k) })
		n.Errorf("E424", didYouMean(string(c), known), "unknown class of errors %q", c)
	}
	return c
}

// fail makes the next calls of operations fail.
func (rd *reader) fail(_ *item, n *yamlfile.Node) act {
	at, times := n.Get("fail"), int64(1)
	at.Is(yamlfile.Map, "E425", "write fail: {billing.charge: timeout}", "`fail` is a map of operations and classes of errors")
	failures := map[string]hub.Class{}
	for key, value := range at.Entries() {
		switch {
		case key.Raw() == "times":
			times, _ = value.Int()
		case rd.has("adapters", key.Raw()) || rd.callable(key): // what is sent to an adapter, or a call
			failures[key.Raw()] = rd.class(value)
		}
	}
	return func(ctx context.Context, r *run) error {
		for op, class := range failures {
			r.world.fail(op, class, int(times))
		}
		return nil
	}
}

// noMock is the reason of a call that the test says nothing of, and noMockText how its text begins.
const (
	noMock     = "no_mock"
	noMockText = "the test has no mock of "
)

// call is a call of an operation, or of a channel whose reader is played.
func (l *life) call(op string, m *hub.Message) (reply *hub.Message, err error) {
	if l.world.trial != nil {
		return nil, l.askedIn(l.world.trial, op)
	}
	err = l.pass("call "+op, func(w *world) (err error) {
		reply, err = w.answer(op, m)
		return err
	})
	return reply, err
}

// answer answers as partners do: one Idempotency-Key has one effect and one answer.
func (w *world) answer(op string, m *hub.Message) (*hub.Message, error) {
	key := op + "\x00" + m.Headers.Get(hub.HeaderIdempotency)
	w.mu.Lock()
	known := w.given[key]
	w.mu.Unlock()
	if known != nil && m.Headers.Get(hub.HeaderIdempotency) != "" {
		return known, nil
	}
	if class := w.failure(op); class != "" {
		return nil, hub.Fail(class, string(class), "%s: %s", op, class)
	}
	reply, err := w.made(op, m)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given[key] = reply
	w.effects = append(w.effects, effect{op, canonical(document(m))})
	return reply, nil
}

// made is the next answer of the operation's mock.
func (w *world) made(op string, m *hub.Message) (*hub.Message, error) {
	adapter, name, _ := strings.Cut(op, ".")
	w.mu.Lock()
	mk := w.mocks[op]
	partner := w.mocks[adapter]
	w.mu.Unlock()
	switch {
	case mk != nil:
		return w.nextOf(op, mk, m)
	case partner != nil && partner.partner != nil:
		v, wrong := partner.partner.answer(name, document(m))
		if wrong != "" {
			w.fault("a request of "+op+" as "+partner.partner.file+" says", wrong)
			return nil, hub.Fail(hub.Rejected, "wrong_request", "%s: %s", op, wrong)
		}
		return &hub.Message{Headers: hub.Headers{hub.HeaderStatus: strconv.Itoa(v.status)}, Body: hub.DocumentBody(v.body)}, nil
	}
	w.fault("a mock of "+op, "none, and it was called with "+shown(document(m)))
	return nil, hub.Fail(hub.Bug, noMock, noMockText+"%s", op)
}

// nextOf gives the mock's next answer; the last one again and again.
func (w *world) nextOf(op string, mk *mock, m *hub.Message) (*hub.Message, error) {
	w.mu.Lock()
	a := mk.answers[min(w.next[op], len(mk.answers)-1)]
	w.next[op]++
	w.mu.Unlock()
	if a.fails != "" {
		return nil, hub.Fail(a.fails, string(a.fails), "%s", cmp.Or(a.say, op+": "+string(a.fails)))
	}
	fr := w.frame(m)
	v, err := a.value.eval(fr)
	if err != nil {
		w.fault("a mock of "+op+" that answers", err.Error())
		return nil, hub.Fail(hub.Bug, noMock, "mock of %s: %w", op, err)
	}
	reply := &hub.Message{Headers: hub.Headers{hub.HeaderStatus: strconv.Itoa(cmp.Or(a.status, 200))}}
	for _, h := range a.headers {
		if hv, err := h.value.eval(fr); err == nil {
			reply.Headers = reply.Headers.With(h.name, hv.Text())
		}
	}
	if a.value != nil {
		reply.Body = hub.DocumentBody(v)
	}
	return reply, nil
}

// frame is what formulas of the test see of a message.
func (w *world) frame(m *hub.Message) *formula.Frame {
	return formula.NewFrame(hub.NewExchange(m, &hub.StageEnv{Clock: w.clock}))
}

// failure takes the next failure that the test wants of an operation or a target; "" for none.
func (w *world) failure(name string) hub.Class {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.failing[name]
	if len(list) == 0 {
		return ""
	}
	w.failing[name] = list[1:]
	return list[0]
}

func (w *world) mocked(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mocks[name] != nil || len(w.failing[name]) > 0
}
