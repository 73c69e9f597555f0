package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/segmentio/kafka-go/sasl"

	"orderhub/hub"
)

// Adapter is an entry of `adapters:`. It holds no connection: each Run of a
// source and each target has its own.
type Adapter struct {
	cfg     Config
	env     *hub.Env
	brokers []string
	tls     *tls.Config
	sasl    sasl.Mechanism
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

var (
	_ hub.SourceOpener = (*Adapter)(nil)
	_ hub.TargetOpener = (*Adapter)(nil)
)

func open(cfg Config, env *hub.Env) (*Adapter, error) {
	fail := func(err error) (*Adapter, error) { return nil, fmt.Errorf("kafka %q: %w", env.Name, err) }
	a := &Adapter{cfg: cfg, env: env, brokers: cfg.addresses(), dial: (&net.Dialer{}).DialContext}
	if len(a.brokers) == 0 {
		return fail(fmt.Errorf("brokers: none is given"))
	}
	var err error
	if a.tls, err = cfg.TLS.config(env); err != nil {
		return fail(fmt.Errorf("tls: %w", err))
	}
	if a.sasl, err = cfg.SASL.mechanism(); err != nil {
		return fail(fmt.Errorf("sasl: %w", err))
	}
	return a, nil
}

// OpenSource makes the source of a topic ("topic web.orders"), or of a channel for one of its readers
// ("channel order.events type topic pipeline stock pattern order.#").
func (a *Adapter) OpenSource(arg string, cfg any) (hub.Source, error) {
	c, ok := cfg.(*SourceConfig)
	if !ok {
		return nil, fmt.Errorf("kafka %q: source config is a %T", a.env.Name, cfg)
	}
	parsed, err := parseArgument(arg, true)
	if err != nil {
		return nil, err
	}
	if c.Group == "" {
		return nil, fmt.Errorf("%s: the group is missing", arg)
	}
	s := &Source{adapter: a, cfg: *c, topic: parsed.topic, group: c.Group, wanted: filter{pattern: parsed.pattern, headers: c.Match}, times: usualTimes}
	s.create = a.creates(parsed)
	if parsed.channel {
		s.group += "." + parsed.pipeline
	}
	return s, nil
}

// OpenTarget makes the target of a topic ("topic orders"), or of a channel ("channel order.events type topic").
func (a *Adapter) OpenTarget(arg string) (hub.Target, error) {
	parsed, err := parseArgument(arg, false)
	if err != nil {
		return nil, err
	}
	return newTarget(a, parsed.topic, a.creates(parsed)), nil
}

func (a *Adapter) creates(arg argument) bool {
	return a.cfg.Create.When == createAlways || a.cfg.Create.When == createChannels && arg.channel
}

// Close has nothing to do: sources end with Run, targets with Close.
func (a *Adapter) Close(context.Context) error { return nil }
