package pipelines

import (
	"cmp"
	"context"
	"strings"

	"orderhub/hub"
	"orderhub/transforms/shape"
)

// CallByHand asks an operation, "adapter.operation", as a step that calls it would: the request is in its format, and the answer is read by
// that of the answer, and held to what the configuration says of it. The same Idempotency-Key among m's headers is the same call.
func (o *Opened) CallByHand(ctx context.Context, name string, m *hub.Message) (*hub.Message, error) {
	adapter, op, _ := strings.Cut(name, ".")
	a := o.plan.Adapter(adapter)
	if a == nil || a.Type.Ops == nil || a.absent {
		return nil, hub.Fail(hub.Invalid, "unknown_operation", "no operation %q%s", name, known(name, o.plan.operations()))
	}
	caller, err := o.caller(a, op)
	if err != nil {
		return nil, hub.Fail(hub.Invalid, "unknown_operation", "no operation %q%s", name, known(name, o.plan.operations()))
	}
	w, f := a.wires[op], o.plan.formats
	if err := f.written(m, w.request, false, false); err != nil {
		return nil, err
	}
	reply, err := caller.Call(ctx, m)
	if err != nil {
		return nil, err
	}
	if reply == nil {
		reply = &hub.Message{}
	}
	return a.answers[op].hold(name, m, f.read(reply, cmp.Or(w.reply, f.of(reply.Headers))))
}

func known(name string, all []string) string { return "; " + shape.Known(name, all) }

// caller is the operation as steps have it open, else it is opened.
func (o *Opened) caller(a *Adapter, op string) (hub.Caller, error) {
	for _, f := range a.farEnds {
		if f.calls && f.channel == nil && f.arg == op {
			return o.handles[f], nil
		}
	}
	return o.adapters[a].Caller(op)
}

// operations are those that can be called.
func (p *Plan) operations() (out []string) {
	for _, a := range p.Adapters {
		if a.Type.Ops != nil && !a.absent {
			out = append(out, Names(a.Type.Ops(a.cfg), func(op string) string { return a.Name + "." + op })...)
		}
	}
	return out
}
