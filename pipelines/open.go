package pipelines

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"orderhub/hub"
)

// Opened is a plan connected to its far ends.
type Opened struct {
	plan      *Plan
	Addresses map[string]string // adapter -> address of its server
}

// Open opens the plan's adapters and gives its stages and sources to the
// runtime. Far ends need not be there yet.
func (p *Plan) Open(rt *hub.Runtime, clock hub.Clock, log *slog.Logger) (*Opened, error) {
	o := &Opened{plan: p, Addresses: map[string]string{}}
	rt.Masked(p.Mask)
	for _, a := range p.Adapters {
		if a.absent {
			continue
		}
		env := &hub.Env{Name: a.Name, Hub: p.Name, Dir: p.Dir, Clock: clock, Ready: rt.Ready, Log: log.With("adapter", a.Name), Refuser: rt.Refuser(a.Name)}
		opened, err := a.Type.Open(a.cfg, env)
		if err != nil {
			return o, errors.Join(fmt.Errorf("%s: adapter %s: %w", a.Line, a.Name, err), o.Close(context.Background()))
		}
		a.opened = opened
		if err := a.bind(rt.Health.Part(hub.PartAdapter, a.Name).Probed(opened.Probe)); err != nil {
			return o, errors.Join(fmt.Errorf("%s: adapter %s: %w", a.Line, a.Name, err), o.Close(context.Background()))
		}
	}
	rt.Health.Retain(p.adapterNames())
	for _, s := range p.Stages() {
		if err := rt.AddStage(s); err != nil {
			return o, err
		}
	}
	for _, l := range p.Pipelines {
		if !l.From.outside() || len(l.Stages) == 0 {
			continue
		}
		src, err := p.source(l)
		if err != nil {
			return o, errors.Join(fmt.Errorf("%s: pipeline %s: %w", l.Line, l.Name, err), o.Close(context.Background()))
		}
		if d, ok := src.(hub.Describer); ok {
			d.Describe(p.Describe(l))
		}
		rt.AddSource(l.Name, src, l.Stages[0])
	}
	return o, nil
}

// source opens what feeds the pipeline from outside.
func (p *Plan) source(l *Pipeline) (hub.Source, error) {
	if c := l.From.Channel; c != nil {
		return c.Via.opened.CarrySource(c.carried(), c.subscription(p.Name, l)) // its component says that it carries
	}
	open := l.From.Adapter.opened.Source
	if open == nil {
		return nil, fmt.Errorf("adapter %s brings no messages", l.From.Adapter.Name)
	}
	return open(l.From.Arg, l.From.cfg)
}

// bind opens what the steps use of the adapter, part of a hub whose health is kept.
func (a *Adapter) bind(part *hub.Part) error {
	for _, t := range a.targets {
		t.use = part.Use("to "+t.arg, false)
		if err := t.open(); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(a.callers) {
		a.callers[name].use = part.Use(name, false)
		if err := a.callers[name].open(); err != nil {
			return err
		}
	}
	return nil
}

// Start makes the servers reachable.
func (o *Opened) Start(ctx context.Context) error {
	for _, a := range o.plan.Adapters {
		if a.opened != nil && a.opened.Start != nil {
			addr, err := a.opened.Start(ctx)
			if err != nil {
				return fmt.Errorf("%s: adapter %s: %w", a.Line, a.Name, err)
			}
			o.Addresses[a.Name] = addr
		}
	}
	return nil
}

// Close closes targets and adapters; their sources have returned.
func (o *Opened) Close(ctx context.Context) error {
	var errs []error
	for _, a := range o.plan.Adapters {
		for _, t := range a.targets {
			errs = append(errs, t.Close())
		}
		if a.opened != nil && a.opened.Close != nil {
			errs = append(errs, a.opened.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
