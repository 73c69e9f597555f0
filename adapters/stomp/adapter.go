package stomp

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Adapter is an opened entry of `adapters:`. In STOMP an error about one destination ends the connection. So each source, target and caller has a
// connection of its own, opened when it is needed; the replies of all sources share another one.
type Adapter struct {
	cfg     Config
	env     *hub.Env
	server  server
	answers *broker.Keeper[*conn]
	late    broker.Late

	mu       sync.Mutex
	callers  []*Caller
	declared map[string][]header // by queue: what its reader declares it with
	selects  []place             // sources with a selector
	uses     []place             // what the configuration names, for Inspect
}

func open(c *Config, env *hub.Env) (*Adapter, error) {
	server, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if _, err := c.TLS.Load(env, ""); err != nil {
		return nil, err
	}
	a := &Adapter{cfg: *c, env: env, server: server, declared: map[string][]header{}}
	a.answers = a.keep(nothing)
	return a, nil
}

// OpenSource returns the source of a destination: /queue/orders, /topic/order.*, /exchange/events/order.#.
func (a *Adapter) OpenSource(arg string, c *SourceConfig) (hub.Source, error) {
	if faults := checkSource(arg, c); len(faults) > 0 {
		return nil, faults[0]
	}
	p, _ := parsePlace(arg) // checked
	s := &Source{adapter: a, place: p, cfg: *c}
	s.cfg.Workers, s.cfg.Prefetch = cmp.Or(c.Workers, hub.DefaultLanes), cmp.Or(c.Prefetch, a.cfg.Prefetch)
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := c.declares(); p.declared && len(h) > 0 {
		a.declared[p.name] = h
	}
	if c.Selector != "" {
		a.selects = append(a.selects, p)
	}
	a.uses = append(a.uses, p)
	return s, nil
}

// OpenTarget returns the target that sends to a destination: /queue/orders, /topic/order.paid, /exchange/events.
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.uses = append(a.uses, p)
	a.mu.Unlock()
	return &Target{adapter: a, place: p, keep: a.keep(nothing)}, nil
}

// OpenCaller returns the caller of an operation of `ops:`, or of a destination as OpenTarget takes it.
func (a *Adapter) OpenCaller(op string) (hub.Caller, error) {
	p, err := places.Op(a.cfg.Ops, op)
	if err != nil {
		return nil, err
	}
	c := &Caller{adapter: a, place: p}
	c.keep = a.keep(c.replied)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.callers = append(a.callers, c)
	a.uses = append(a.uses, p)
	return c, nil
}

// arguments returns the headers by which the reader of queue p declares it. Whoever declares the queue first must use the same.
func (a *Adapter) arguments(p place) []header {
	if !p.declared {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.declared[p.name]
}

// Probe logs in and leaves again.
func (a *Adapter) Probe(ctx context.Context) error {
	_, err := a.visit(ctx)
	return err
}

// visit logs in and leaves again. The connection that it returns tells what the server can do.
func (a *Adapter) visit(ctx context.Context) (c *conn, err error) {
	if c, err = a.dial(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", a.env.Name, err)
	}
	c.start(nothing)
	c.leave()
	return c, nil
}

// Close closes the connections. The adapter's sources must have returned, and its targets must be closed.
func (a *Adapter) Close(context.Context) error {
	var ends sync.WaitGroup
	ends.Go(func() { leave(a.answers) })
	a.mu.Lock()
	for _, c := range a.callers {
		ends.Go(func() { leave(c.keep) })
	}
	a.mu.Unlock()
	ends.Wait()
	return nil
}
