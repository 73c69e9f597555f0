package amqp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// place is what messages come from or go to.
type place struct {
	queue    string
	exchange string
	kind     string // of the exchange; "" must be there
	key      string // routing key, or the pattern of a reader
	hasKey   bool
	carried  bool        // it is a channel of the hub
	match    hub.Headers // of its reader
}

const (
	direct  = "direct"
	topic   = "topic"
	fanout  = "fanout"
	headers = "headers"
)

var kinds = []string{direct, topic, fanout, headers}

const grammar = "write queue NAME, or exchange NAME key PATTERN"

// maxName is the length of the longest name that the protocol has room for.
const maxName = 255

// parsePlace reads the text behind the adapter's name:
//
//	queue NAME
//	exchange NAME [type TYPE] [key PATTERN]
func parsePlace(text string) (p place, err error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return p, broker.Wrong(meant(words), "%q is no queue and no exchange", text)
	}
	for _, w := range words {
		if len(w) > maxName {
			return p, broker.Wrong("take a shorter name", "%.40q… is longer than %d bytes", w, maxName)
		}
	}
	switch words[0] {
	case "queue":
		if p.queue = words[1]; len(words) > 2 {
			return p, broker.Wrong("write queue "+p.queue, "%q: nothing can follow the name of a queue", text)
		}
		return p, nil
	case "exchange":
		p.exchange = words[1]
	default:
		return p, broker.Wrong(meant(words), "%q: %q is not known here", text, words[0])
	}
	for i := 2; i < len(words); i += 2 {
		switch word := words[i]; {
		case word != "type" && word != "key":
			return p, broker.Wrong("write exchange NAME type TYPE key PATTERN", "%q: %q is not known here", text, word)
		case i+1 == len(words):
			return p, broker.Wrong("write exchange NAME type TYPE key PATTERN", "%q: nothing follows %q", text, word)
		case word == "key":
			p.key, p.hasKey = words[i+1], true
		default:
			if p.kind = words[i+1]; !slices.Contains(kinds, p.kind) {
				return p, broker.Wrong("write "+strings.Join(kinds, ", ")+" behind type", "%q: %q is no type of an exchange", text, p.kind)
			}
		}
	}
	return p, nil
}

// meant suggests what to write in place of words that name no place.
func meant(words []string) string {
	switch {
	case len(words) == 0 || len(words[0]) == 0:
		return grammar
	case len(words) == 1 && words[0] != "queue" && words[0] != "exchange":
		return "write queue " + words[0] + ", or exchange " + words[0] + " key PATTERN"
	case len(words) == 1:
		return grammar
	case slices.Contains(kinds, words[0]):
		return "write exchange " + words[1] + " type " + words[0]
	case strings.ContainsAny(words[0][:1], "qQ"):
		return "write queue " + words[1]
	case strings.ContainsAny(words[0][:1], "eExX"):
		return "write exchange " + words[1]
	}
	return grammar
}

// places reads, checks and finds places for the whole adapter.
var places broker.Parser[place] = parsePlace

// String names the place in errors.
func (p place) String() string {
	switch {
	case p.carried:
		return "channel " + cmp.Or(p.exchange, p.queue)
	case p.queue != "":
		return "queue " + p.queue
	}
	return "exchange " + p.exchange
}

// standIn returns the channel that stands for a place where the hub runs without RabbitMQ. The options c are those of `from:`, and nil for a place
// that is sent to. The pattern of the subscription is that of a reader, or the routing key of what is sent.
func standIn(arg string, c *SourceConfig) (hub.Carried, hub.Subscription, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return hub.Carried{}, hub.Subscription{}, err
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

// standIn takes the queue for a reader of the one exchange that it is bound to.
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

// exchangeChannel returns a channel that works like the exchange. A direct exchange gives each message to every reader that names its routing key,
// while a direct channel has one reader: so it becomes a topic whose patterns have no wildcards.
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
