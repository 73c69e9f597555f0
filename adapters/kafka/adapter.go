package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/units"
)

// Adapter is an opened entry of `adapters:`. All that it sends shares connections, which are opened when they are
// needed; each Run of a source, and the reader of replies, has connections of its own.
type Adapter struct {
	cfg     Config
	env     *hub.Env
	brokers []string
	tls     *tls.Config
	sasl    sasl.Mechanism
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	out     *writer
	replies *replies
	late    broker.Late

	mu   sync.Mutex
	uses []use
}

func open(cfg *Config, env *hub.Env) (a *Adapter, err error) {
	a = &Adapter{cfg: *cfg, env: env, brokers: cfg.addresses()}
	if len(a.brokers) == 0 {
		return nil, errors.New("brokers: none is given")
	}
	if a.tls, err = cfg.TLS.config(env); err != nil {
		return nil, err
	}
	if a.sasl, err = cfg.SASL.mechanism(); err != nil {
		return nil, fmt.Errorf("sasl: %w", err)
	}
	a.dialBy((&net.Dialer{}).DialContext)
	return a, nil
}

// dialBy makes dial open all connections. It is called before any is open.
func (a *Adapter) dialBy(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	a.dial = dial
	a.out, a.replies = newWriter(a), newReplies(a)
}

// OpenSource returns the source of a topic: "topic web.orders".
func (a *Adapter) OpenSource(arg string, c *SourceConfig) (hub.Source, error) {
	topic, err := parseTopic(arg)
	if err != nil {
		return nil, err
	}
	if c.Group == "" {
		return nil, fmt.Errorf("%s: the group is missing", arg)
	}
	return a.source(&Source{cfg: *c, topic: topic, group: c.Group, create: a.creation(onTopic), wanted: filter{headers: c.Match}}), nil
}

// OpenTarget returns the target of a topic: "topic orders".
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	topic, err := parseTopic(arg)
	if err != nil {
		return nil, err
	}
	return a.target(topic, onTopic), nil
}

// OpenCaller returns the caller of an operation of `ops:`, or of a topic as OpenTarget takes it.
func (a *Adapter) OpenCaller(op string) (hub.Caller, error) {
	topic, err := places.Op(a.cfg.Ops, op)
	if err != nil {
		return nil, err
	}
	return a.caller(topic, onTopic)
}

// CarryTarget returns the target of a channel, which is the topic of its name.
func (a *Adapter) CarryTarget(c hub.Carried) (hub.Target, error) {
	if err := checkTopic(c.Name); err != nil {
		return nil, fmt.Errorf("channel %w", err)
	}
	return a.target(c.Name, onChannel), nil
}

// CarrySource returns the source of a channel for one of its readers, which is a consumer group of its own. The group
// begins with the first record, so that it misses nothing that was sent before the reader first came.
func (a *Adapter) CarrySource(c hub.Carried, s hub.Subscription) (hub.Source, error) {
	if err := checkTopic(c.Name); err != nil {
		return nil, fmt.Errorf("channel %w", err)
	}
	cfg := units.Defaults[SourceConfig]()
	if s.Lanes > 0 {
		cfg.Workers = s.Lanes
	}
	src := &Source{cfg: *cfg, topic: c.Name, group: s.Hub + "." + s.Pipeline, create: a.creation(onChannel), form: onChannel, keyOf: s.Key}
	if c.Type == "headers" {
		src.wanted.headers = s.Match
	}
	if c.Type == "topic" {
		src.wanted.pattern = s.Pattern
	}
	return a.source(src), nil
}

// CarryCaller returns the caller that asks the readers of a direct channel.
func (a *Adapter) CarryCaller(c hub.Carried) (hub.Caller, error) {
	if err := checkTopic(c.Name); err != nil {
		return nil, fmt.Errorf("channel %w", err)
	}
	return a.caller(c.Name, onChannel)
}

func (a *Adapter) source(s *Source) *Source {
	s.adapter, s.times = a, usualTimes
	u := use{topic: s.topic, create: s.create, right: rightRead, group: s.group}
	if s.cfg.OnLost == lostStop {
		u.wayOut = s.wayOut()
	}
	a.want(u)
	return s
}

func (a *Adapter) target(topic string, f form) *Target {
	t := &Target{adapter: a, topic: topic, create: a.creation(f), form: f}
	a.want(use{topic: topic, create: t.create, right: rightWrite})
	return t
}

func (a *Adapter) caller(topic string, f form) (hub.Caller, error) {
	if err := checkTopic(a.replies.topic); err != nil {
		return nil, fmt.Errorf("kafka %q: reply_topic: %w", a.env.Name, err)
	}
	c := &Caller{adapter: a, topic: topic, create: a.creation(f), form: f}
	a.want(use{topic: topic, create: c.create, right: rightWrite})
	a.want(use{topic: a.replies.topic, create: a.cfg.creation(1), right: rightRead})
	return c, nil
}

// creation returns how a missing topic is created. Without partitions it is not.
func (a *Adapter) creation(f form) Create {
	if f == onChannel || a.cfg.Create.When == createAlways {
		return a.cfg.creation(a.cfg.Create.Partitions)
	}
	return Create{}
}

// Close closes the connections. The adapter's sources must have returned, and its targets must be closed.
func (a *Adapter) Close(context.Context) error {
	a.replies.close()
	a.out.close()
	return nil
}

// Probe returns nil when a broker answers.
func (a *Adapter) Probe(ctx context.Context) error {
	_, err := a.out.link.client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	return err
}

// Target writes records to a topic. Records of one key go to one partition, in the order in which they are sent.
type Target struct {
	adapter *Adapter
	topic   string
	create  Create
	form    form

	sending sync.RWMutex // each Send holds it to read, and Close waits for them
	closed  bool
}

var _ hub.Target = (*Target)(nil)

// Send returns nil only after all in-sync replicas have the record. A record that was not confirmed in time may be
// there all the same; sent again, it has the same header hub-id.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	t.sending.RLock()
	defer t.sending.RUnlock()
	if t.closed {
		return hub.AsError(hub.ErrClosed)
	}
	return t.adapter.out.sendMessage(ctx, t.topic, t.create, m, t.form)
}

// Close waits for Sends that are running. The connections belong to the adapter.
func (t *Target) Close() error {
	t.sending.Lock()
	defer t.sending.Unlock()
	t.closed = true
	return nil
}
