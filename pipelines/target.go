package pipelines

import (
	"context"
	"errors"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// farEnd is one use of an adapter that steps name: as a target, `send: {mail: order-status}`, or as a caller,
// `call: billing.charge`. A target is an outbox as well: the queue that carries its messages when the unit that sends
// has effects in the store.
type farEnd struct {
	adapter *Adapter
	arg     string   // template, operation
	channel *Channel // not nil: the channel, which the adapter carries
	calls   bool
	queue   string // of its outbox
}

// farEnd is the adapter's far end for arg; one for all steps that name it.
func (a *Adapter) farEnd(arg string, calls bool) *farEnd {
	if f := Find(a.farEnds, func(f *farEnd) bool { return f.arg == arg && f.calls == calls }); f != nil {
		return f
	}
	f := &farEnd{adapter: a, arg: arg, calls: calls, queue: "@" + a.Name}
	if arg != "" {
		f.queue += " " + arg
	}
	a.farEnds = append(a.farEnds, f)
	return f
}

// carried is the way to a channel that the adapter carries, or to whoever reads it.
func (a *Adapter) carried(c *Channel, calls bool) *farEnd {
	f := a.farEnd("channel "+c.Name, calls)
	f.channel = c
	return f
}

// open opens it at the opened adapter, part of a hub whose health is kept.
func (f *farEnd) open(at *hub.Adapter, part *engine.Part) (farEndOpen, error) {
	h, err := f.handle(at, part)
	if later, ok := h.target.(hub.Later); ok {
		return &laterHandle{h, later}, err
	}
	return h, err
}

func (f *farEnd) handle(at *hub.Adapter, part *engine.Part) (h *handle, err error) {
	h = &handle{}
	if f.calls {
		h.use = part.Use(f.arg, false)
	} else {
		h.use = part.Use("to "+f.arg, false)
	}
	switch { // that it carries channels its component says
	case f.calls && f.channel != nil:
		h.caller, err = at.CarryCaller(f.channel.carried())
	case f.calls && at.Caller == nil:
		err = errors.New("answers no calls")
	case f.calls:
		h.caller, err = at.Caller(f.arg)
	case f.channel != nil:
		h.target, err = at.CarryTarget(f.channel.carried())
	case at.Target == nil:
		err = errors.New("takes no messages")
	default:
		h.target, err = at.Target(f.arg)
	}
	return h, err
}

// of is the far end as the runtime of x has it open.
func (f *farEnd) of(x *hub.Exchange) farEndOpen { return x.Env.Memory(f, nil).(farEndOpen) }

// farEndOpen is a far end that is open.
type farEndOpen interface {
	hub.Target
	hub.Caller
}

// handle tells the health of its part of each use.
type handle struct {
	target hub.Target
	caller hub.Caller
	use    *engine.Use
}

// laterHandle is a handle whose target is a hub.Later.
type laterHandle struct {
	*handle
	to hub.Later
}

var (
	_ farEndOpen = (*handle)(nil)
	_ hub.Later  = (*laterHandle)(nil)
)

// SendLater hands m to the opened target.
func (h *laterHandle) SendLater(ctx context.Context, m *hub.Message, done func(error)) {
	try := h.use.Begin()
	h.to.SendLater(ctx, m, func(err error) { done(try.End(m, err)) })
}

// Send hands m to the opened target.
func (h *handle) Send(ctx context.Context, m *hub.Message) error {
	try := h.use.Begin()
	return try.End(m, h.target.Send(ctx, m))
}

// Call asks the opened caller.
func (h *handle) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	try := h.use.Begin()
	reply, err := h.caller.Call(ctx, m)
	return reply, try.End(m, err)
}

// Close closes a target.
func (h *handle) Close() error {
	if h.target == nil {
		return nil
	}
	return h.target.Close()
}

// stage delivers the outbox of a target.
func (f *farEnd) stage() *engine.Stage {
	site := Site{Where: f.queue, Line: f.adapter.Line}
	return &engine.Stage{Name: site.Where, Queue: site.Where, Direct: true, Keeps: true, Run: func(ctx context.Context, x *hub.Exchange) error {
		began := x.Now()
		if err := f.of(x).Send(ctx, x.Msg); err != nil {
			return site.At(err)
		}
		x.Note(hub.Event{Where: site.Where, Line: site.Line, What: "sent", Took: x.Now().Sub(began), Detail: sentTo(x.Msg)})
		return nil
	}}
}

func sentTo(m *hub.Message) string {
	if to := m.Headers.Get("to"); to != "" {
		return "to " + maskAddress(to)
	}
	return ""
}

// maskAddress hides most of a mail address: history is no place for personal data.
func maskAddress(to string) string {
	for i, r := range to {
		if r == '@' && i > 0 {
			return to[:1] + "***" + to[i:]
		}
	}
	return to
}
