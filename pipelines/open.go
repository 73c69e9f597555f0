package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/transforms/shape"
)

// Opened is a plan connected to its far ends by one runtime. The plan does not change when it is opened: several
// runtimes may have it open at the same time.
type Opened struct {
	Addresses map[string]string // adapter -> address of its server

	plan     *Plan
	adapters map[*Adapter]*hub.Adapter
	handles  map[*farEnd]farEndOpen
}

// Open opens the plan's adapters and gives its stages and sources to the
// runtime. Far ends need not be there yet.
func (p *Plan) Open(rt *engine.Runtime, clock hub.Clock, log *slog.Logger) (*Opened, error) {
	return p.open(rt, clock, log, func(string) func(hub.Peer) { return nil })
}

// open is Open; what the far ends show of themselves is told to met of their adapter.
func (p *Plan) open(rt *engine.Runtime, clock hub.Clock, log *slog.Logger, met func(adapter string) func(hub.Peer)) (*Opened, error) {
	o := &Opened{plan: p, Addresses: map[string]string{}, adapters: map[*Adapter]*hub.Adapter{}, handles: map[*farEnd]farEndOpen{}}
	rt.Masked(p.Mask)
	rt.Formatted(p.formats.of)
	for _, a := range p.Adapters {
		if a.absent {
			continue
		}
		env := &hub.Env{Name: a.Name, Hub: p.Name, Dir: p.Dir, Clock: clock, Ready: rt.Ready, Log: log.With("adapter", a.Name), Refuser: rt.Refuser(a.Name),
			Met: met(a.Name)}
		if err := o.open(a, env, rt); err != nil {
			return o, errors.Join(fmt.Errorf("%s: adapter %s: %w", a.Line, a.Name, err), o.Close(context.Background()))
		}
	}
	rt.Health.Retain(p.adapterNames(), Names(p.Stages(), func(s *engine.Stage) string { return s.Name }))
	stages := map[*engine.Stage]*engine.Stage{} // the runtime's own copies
	for _, s := range p.Stages() {
		own := *s
		stages[s] = &own
		if err := rt.AddStage(&own); err != nil {
			return o, err
		}
	}
	for _, l := range p.Pipelines {
		if !l.From.outside() || len(l.Stages) == 0 {
			continue
		}
		src, err := o.source(l)
		if err != nil {
			return o, errors.Join(fmt.Errorf("%s: pipeline %s: %w", l.Line, l.Name, err), o.Close(context.Background()))
		}
		hub.Describe(src, l.Description)
		rt.AddSource(l.Name, src, stages[l.Stages[0]])
	}
	return o, nil
}

// open opens the adapter and what steps use of it, and binds both to the runtime.
func (o *Opened) open(a *Adapter, env *hub.Env, rt *engine.Runtime) error {
	opened, err := a.Type.Open(a.cfg, env)
	if err != nil {
		return err
	}
	o.adapters[a] = opened
	rt.Bind(a, opened)
	part := rt.Health.Part(engine.PartAdapter, a.Name).Probed(opened.Probe)
	for _, f := range a.farEnds {
		h, err := f.open(opened, part)
		if err != nil {
			return err
		}
		o.handles[f] = h
		rt.Bind(f, h)
	}
	return nil
}

// source opens what feeds the pipeline from outside.
func (o *Opened) source(l *Pipeline) (hub.Source, error) {
	if c := l.From.Channel; c != nil {
		return o.adapters[c.Via].CarrySource(c.carried(), c.subscription(o.plan.Name, l)) // its component says that it carries
	}
	open := o.adapters[l.From.Adapter].Source
	if open == nil {
		return nil, fmt.Errorf("adapter %s brings no messages", l.From.Adapter.Name)
	}
	return open(l.From.Arg, l.From.cfg)
}

// Start makes the servers reachable.
func (o *Opened) Start(ctx context.Context) error {
	for _, a := range o.plan.Adapters {
		if opened := o.adapters[a]; opened != nil && opened.Start != nil {
			addr, err := opened.Start(ctx)
			if err != nil {
				return fmt.Errorf("%s: adapter %s: %w", a.Line, a.Name, err)
			}
			o.Addresses[a.Name] = addr
		}
	}
	return nil
}

// Figures lets the adapters tell of themselves in numbers, all at once. Those that can't until ctx ends are left out, and told as such.
func (o *Opened) Figures(ctx context.Context, to *figures.Set) {
	type answer struct {
		adapter string
		told    *figures.Set
		err     error
	}
	answers, asked := make(chan answer, len(o.adapters)), map[string]bool{}
	for a, opened := range o.adapters {
		if opened.Figures == nil {
			continue
		}
		asked[a.Name] = true
		go func() {
			told := &figures.Set{} // of its own: one that answers too late adds nothing
			answers <- answer{a.Name, told, opened.Figures(ctx, told)}
		}()
	}
	for len(asked) > 0 {
		select {
		case <-ctx.Done():
			for name := range asked {
				to.PutFlag(figures.Gathered, false, name)
			}
			return
		case a := <-answers:
			delete(asked, a.adapter)
			to.PutFlag(figures.Gathered, a.err == nil, a.adapter)
			to.PutAll(a.told)
		}
	}
}

// Close closes targets and adapters; their sources have returned.
func (o *Opened) Close(ctx context.Context) error {
	var errs []error
	for _, a := range o.plan.Adapters {
		for _, f := range a.farEnds {
			if h := o.handles[f]; h != nil {
				errs = append(errs, h.Close())
			}
		}
		if opened := o.adapters[a]; opened != nil && opened.Close != nil {
			errs = append(errs, opened.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

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
