package pipelines

import (
	"context"
	"errors"

	"orderhub/hub"
)

// Target is one use of an adapter as a target: `send: {mail: order-status}`.
// It is an outbox as well: the queue that carries its messages when the unit
// that sends has effects in the store.
type Target struct {
	adapter *Adapter
	arg     string
	channel *Channel // not nil: the way to a channel that the adapter carries
	t       hub.Target
	use     *hub.Use
}

var _ hub.Target = (*Target)(nil)

// target is the adapter's target for arg; one for all steps that name it.
func (a *Adapter) target(arg string) *Target {
	for _, t := range a.targets {
		if t.arg == arg {
			return t
		}
	}
	t := &Target{adapter: a, arg: arg}
	a.targets = append(a.targets, t)
	return t
}

// carried is the way to a channel that the adapter carries.
func (a *Adapter) carried(c *Channel) *Target {
	t := a.target("channel " + c.Name)
	t.channel = c
	return t
}

func (t *Target) open() (err error) {
	if t.channel != nil {
		t.t, err = t.adapter.opened.CarryTarget(t.channel.carried()) // its component says that it carries
		return err
	}
	if t.adapter.opened.Target == nil {
		return errors.New("takes no messages")
	}
	t.t, err = t.adapter.opened.Target(t.arg)
	return err
}

func (t *Target) queue() string {
	if t.arg == "" {
		return "@" + t.adapter.Name
	}
	return "@" + t.adapter.Name + " " + t.arg
}

// Send hands m to the opened target.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	tries := t.use.Begin()
	return tries.End(m, t.t.Send(ctx, m))
}

// Close closes it.
func (t *Target) Close() error {
	if t.t == nil {
		return nil
	}
	return t.t.Close()
}

// stage delivers the outbox.
func (t *Target) stage() *hub.Stage {
	where := t.queue()
	return &hub.Stage{Name: where, Queue: where, Direct: true, Trace: true, Run: func(ctx context.Context, x *hub.Exchange) error {
		begin := x.Now()
		if err := t.Send(ctx, x.Msg); err != nil {
			return hub.At(err, where, t.adapter.Line)
		}
		x.Note(hub.Event{Where: where, Line: t.adapter.Line, What: "sent", Took: x.Now().Sub(begin), Detail: sentTo(x.Msg)})
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

// Operation is one use of an adapter as a caller: `call: billing.charge`.
type Operation struct {
	adapter *Adapter
	op      string
	channel *Channel // not nil: it asks whoever reads a channel that the adapter carries
	c       hub.Caller
	use     *hub.Use
}

var _ hub.Caller = (*Operation)(nil)

func (a *Adapter) operation(op string) *Operation {
	if o := a.callers[op]; o != nil {
		return o
	}
	o := &Operation{adapter: a, op: op}
	a.callers[op] = o
	return o
}

// asking asks whoever reads a channel that the adapter carries.
func (a *Adapter) asking(c *Channel) *Operation {
	o := a.operation("channel " + c.Name)
	o.channel = c
	return o
}

func (o *Operation) open() (err error) {
	if o.channel != nil {
		o.c, err = o.adapter.opened.CarryCaller(o.channel.carried()) // its component says that it carries
		return err
	}
	if o.adapter.opened.Caller == nil {
		return errors.New("answers no calls")
	}
	o.c, err = o.adapter.opened.Caller(o.op)
	return err
}

// Call asks the opened caller.
func (o *Operation) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	tries := o.use.Begin()
	reply, err := o.c.Call(ctx, m)
	return reply, tries.End(m, err)
}
