package amqp

import (
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
)

// standIn is the channel that a place stands for where the hub runs without
// RabbitMQ. c is that of `from:`, else nil. The subscription's pattern is
// that of a reader, or the routing key of what is sent.
func standIn(arg string, c *SourceConfig) (hub.Carried, hub.Subscription, error) {
	p, m := parsePlace(arg)
	if m != nil {
		return hub.Carried{}, hub.Subscription{}, m
	}
	switch {
	case c == nil || len(c.Bind) == 0:
	case p.exchange != "" || len(c.Bind) > 1:
		return hub.Carried{}, hub.Subscription{}, fmt.Errorf("%s collects from several exchanges, and a pipeline reads one channel of the store", p)
	default:
		return c.Bind[0].standIn()
	}
	if p.queue != "" {
		return hub.Carried{Name: p.queue, Type: direct}, hub.Subscription{}, nil
	}
	return exchangeChannel(p.exchange, p.kind, p.key)
}

// standIn takes the queue for a reader of its one exchange.
func (b Bind) standIn() (hub.Carried, hub.Subscription, error) {
	c, s, err := exchangeChannel(b.Exchange, b.Type, b.Key)
	for name, v := range b.Headers {
		if name == "x-match" {
			if v != "all" {
				return c, s, fmt.Errorf("exchange %s: x-match: %s: the store compares all headers", b.Exchange, v)
			}
			continue
		}
		s.Match = s.Match.With(name, v)
	}
	return c, s, err
}

// exchangeChannel is a channel like the exchange. A direct exchange, which
// gives each message to every reader that names its routing key, is a topic
// whose patterns have no wildcards: a direct channel has one reader.
func exchangeChannel(name, kind, key string) (c hub.Carried, s hub.Subscription, err error) {
	if own := strings.TrimPrefix(name, "amq."); kind == "" && own != name && slices.Contains(kinds, own) {
		kind = own
	}
	switch {
	case kind == "":
		return c, s, fmt.Errorf("what kind of exchange %s is is not known; write exchange %s type topic, or what it is", name, name)
	case kind == direct && strings.ContainsAny(key, "*#"):
		return c, s, fmt.Errorf("the routing key %q has a wildcard, which a direct exchange takes as it stands", key)
	case kind == direct || kind == topic:
		return hub.Carried{Name: name, Type: topic}, hub.Subscription{Pattern: key}, nil
	}
	return hub.Carried{Name: name, Type: kind}, s, nil
}
