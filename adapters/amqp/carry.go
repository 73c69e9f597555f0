package amqp

import (
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/units"
)

// CarryTarget returns the target of channel c. A direct channel is a durable queue of its name, any other one a durable
// exchange of its name and type.
func (a *Adapter) CarryTarget(c hub.Carried) (hub.Target, error) {
	p, err := carriedPlace(c)
	if err != nil {
		return nil, err
	}
	return a.target(p), nil
}

// CarrySource returns the source of channel c. The readers of a direct channel share its queue; each reader of another
// channel has a durable queue of its own, CHANNEL>HUB.PIPELINE.
func (a *Adapter) CarrySource(c hub.Carried, s hub.Subscription) (hub.Source, error) {
	p, err := carriedPlace(c)
	if err != nil {
		return nil, err
	}
	if p.exchange != "" {
		p.queue, p.key, p.match = p.exchange+">"+s.Hub+"."+s.Pipeline, s.Pattern, s.Match
		if len(p.queue) > maxName {
			return nil, fmt.Errorf("%s: the name of its reader's queue, %.60s…, is longer than %d bytes", p, p.queue, maxName)
		}
	}
	cfg := units.Defaults[SourceConfig]()
	if s.Lanes > 0 {
		cfg.Workers = s.Lanes
	}
	return a.source(p, cfg, p.reader(), s.Key), nil
}

// CarryCaller returns the caller that asks the readers of the direct channel c.
func (a *Adapter) CarryCaller(c hub.Carried) (hub.Caller, error) {
	p, err := carriedPlace(c)
	if err != nil {
		return nil, err
	}
	if p.exchange != "" {
		return nil, fmt.Errorf("%s: a call has one answer, and a %s channel any number of readers: call a direct channel", p, p.kind)
	}
	return a.caller(p), nil
}

func carriedPlace(c hub.Carried) (place, error) {
	p := place{carried: true}
	switch c.Type {
	case direct:
		p.queue = c.Name
	case topic, fanout, headers:
		p.exchange, p.kind = c.Name, c.Type
	default:
		return p, fmt.Errorf("channel %s: RabbitMQ carries no channels of type %q", c.Name, c.Type)
	}
	if c.Name == "" || len(c.Name) > maxName || strings.HasPrefix(c.Name, "amq.") {
		return p, fmt.Errorf("channel %.60q: its name has 1 to %d bytes and does not begin with amq., which is RabbitMQ's own", c.Name, maxName)
	}
	return p, nil
}

// reader returns what the reader of a channel needs at the server. RabbitMQ compares only headers of the header table
// whose names do not begin with x-; the source compares all of them again.
func (p place) reader() topology {
	t := topology{queues: []queue{{name: p.queue, durable: true}}}
	if p.exchange == "" {
		return t
	}
	b := binding{queue: p.queue, exchange: p.exchange, key: p.key}
	if p.kind == headers {
		b.args = amqp.Table{"x-match": "all"}
		for name, v := range p.match {
			if property(&amqp.Publishing{}, name) == nil && name != headerPriority && !strings.HasPrefix(name, "x-") {
				b.args[name] = v
			}
		}
	}
	t.exchanges, t.binds = []exchange{{p.exchange, p.kind}}, []binding{b}
	return t
}

// pack adds to p what a message on a channel keeps and what the protocol has no property for.
func pack(p *amqp.Publishing, m *hub.Message) {
	if m.Key != "" {
		header(p, headerKey, m.Key)
	}
	header(p, headerTime, m.Time.UTC().Format(time.RFC3339Nano))
	if len(m.Correlation) > maxName {
		p.CorrelationId = ""
		header(p, headerCorrelation, m.Correlation)
	}
}

// unpack is the reverse of pack.
func unpack(m *hub.Message, d *amqp.Delivery) {
	h := m.Headers
	m.Key = h[headerKey]
	if at, err := time.Parse(time.RFC3339Nano, h[headerTime]); err == nil {
		m.Time = at.UTC()
	}
	delete(h, headerKey)
	delete(h, headerTime)
	if h[hub.HeaderRoutingKey] == "" && d.Exchange != "" && d.RoutingKey != "" { // from a client that is no hub
		h[hub.HeaderRoutingKey] = d.RoutingKey
	}
}
