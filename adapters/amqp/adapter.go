package amqp

import (
	"cmp"
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Adapter is an opened entry of `adapters:`. It has at most two connections, which are opened when they are needed. One
// brings deliveries and takes their acknowledgements, the other one sends: a server that accepts no more messages
// blocks the second connection only, and acknowledgements still reach it.
type Adapter struct {
	cfg      Config
	env      *hub.Env
	uri      amqp.URI
	in, out  *broker.Keeper[*session]
	asked    *broker.Keeper[*asking]
	answers  *publisher
	watchers sync.WaitGroup
	requests broker.Requests[*amqp.Delivery]
	late     broker.Late

	mu     sync.Mutex
	wanted []topology
	reads  []string // queues of sources
}

func open(c *Config, env *hub.Env) (*Adapter, error) {
	uri, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if _, err := c.TLS.Load(env, ""); err != nil {
		return nil, err
	}
	a := &Adapter{cfg: *c, env: env, uri: uri}
	a.cfg.Name = cmp.Or(c.Name, "orderhub "+env.Name)
	a.in = a.connection("in")
	a.out = a.connection("out")
	a.asked = keep(a, a.openAsking, (*asking).lost)
	a.answers = newPublisher(a, topology{})
	return a, nil
}

func (a *Adapter) connection(role string) *broker.Keeper[*session] {
	return keep(a, func(ctx context.Context) (*session, error) { return a.dial(ctx, role) }, (*session).lost)
}

func keep[T any](a *Adapter, open func(context.Context) (T, error), lost func(T) error) *broker.Keeper[T] {
	return broker.NewKeeper(a.env.Clock, a.cfg.Reconnect, broker.Link[T]{Open: open, Lost: lost})
}

// OpenSource returns the source of a queue ("queue orders") or of an exchange ("exchange orders key order.*", with the option queue).
func (a *Adapter) OpenSource(arg string, c *SourceConfig) (hub.Source, error) {
	if faults := checkSource(arg, c); len(faults) > 0 {
		return nil, faults[0]
	}
	p, _ := parsePlace(arg) // checked
	var key func(*hub.Message) string
	if c.Key != "" {
		key = func(m *hub.Message) string { return broker.KeyOf(m, c.Key) }
	}
	return a.source(p, c, p.source(c), key), nil
}

func (a *Adapter) source(p place, c *SourceConfig, t topology, key func(*hub.Message) string) *Source {
	s := &Source{adapter: a, place: p, cfg: *c, key: key, queue: t.queues[0].name, topology: t, tag: "hub-" + hub.NewID(a.env.Clock.Now())}
	a.mu.Lock()
	a.reads = append(a.reads, s.queue)
	a.mu.Unlock()
	s.cfg.Workers, s.cfg.Prefetch = cmp.Or(c.Workers, hub.DefaultLanes), cmp.Or(c.Prefetch, a.cfg.Prefetch)
	a.want(t)
	return s
}

// OpenTarget returns the target that sends to a queue ("queue orders") or to an exchange ("exchange orders", "exchange
// orders type topic key order.paid").
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return nil, err
	}
	return a.target(p), nil
}

func (a *Adapter) target(p place) *Target {
	t := p.target()
	a.want(t)
	return &Target{adapter: a, place: p, pub: newPublisher(a, t)}
}

// OpenCaller returns the caller of an operation of `ops:`, or of a place as OpenTarget takes it.
func (a *Adapter) OpenCaller(op string) (hub.Caller, error) {
	p, err := places.Op(a.cfg.Ops, op)
	if err != nil {
		return nil, err
	}
	return a.caller(p), nil
}

func (a *Adapter) caller(p place) *Caller {
	t := p.target()
	a.want(t)
	return &Caller{adapter: a, place: p, topology: t}
}

// Close closes the connections. The adapter's sources must have returned, and its targets must be closed.
func (a *Adapter) Close(context.Context) error {
	if q, open := a.asked.Close(); open {
		q.close()
	}
	a.answers.close()
	for _, k := range []*broker.Keeper[*session]{a.out, a.in} {
		if s, open := k.Close(); open {
			_ = s.conn.CloseDeadline(time.Now().Add(3 * time.Second)) // one that was lost is closed
		}
	}
	a.watchers.Wait()
	return nil
}

// Probe opens the sending connection unless it is open, and reports why that failed.
func (a *Adapter) Probe(ctx context.Context) error {
	_, err := a.out.Get(ctx)
	return err
}
