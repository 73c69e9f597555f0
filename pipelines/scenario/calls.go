package scenario

import (
	"cmp"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/transforms/formula"
)

// noMock is the reason of a call that the test says nothing of.
const noMock = "no_mock"

// call is a call of an operation, or of a channel whose reader is played.
func (l *life) call(op string, m *hub.Message) (*hub.Message, error) {
	n := l.world.number("call " + op)
	if err := l.point("before call %s %d", op, n); err != nil {
		return nil, err
	}
	reply, err := l.world.answer(op, m)
	if killed := l.point("after call %s %d", op, n); killed != nil {
		return nil, killed
	}
	return reply, err
}

// answer answers as partners do: one Idempotency-Key has one effect and one answer.
func (w *world) answer(op string, m *hub.Message) (*hub.Message, error) {
	key := op + "\x00" + m.Headers.Get(hub.HeaderIdempotency)
	w.mu.Lock()
	known := w.given[key]
	w.mu.Unlock()
	if known != nil && m.Headers.Get(hub.HeaderIdempotency) != "" {
		return known.reply, nil
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
	w.given[key] = &given{reply}
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
		v, wrong, err := partner.partner.answer(name, document(m))
		if wrong != "" {
			w.fault("a request of "+op+" as "+partner.partner.file+" says", wrong)
			return nil, hub.Fail(hub.Rejected, "wrong_request", "%s: %s", op, wrong)
		}
		if err != nil {
			return nil, err
		}
		return &hub.Message{Headers: hub.Headers{hub.HeaderStatus: strconv.Itoa(v.status)}, Body: hub.DocumentBody(v.body)}, nil
	}
	w.fault("a mock of "+op, "none, and it was called with "+shown(document(m)))
	return nil, hub.Fail(hub.Bug, noMock, "the test has no mock of %s", op)
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
