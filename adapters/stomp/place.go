package stomp

import (
	"fmt"
	"strings"
	"unicode"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// place is where messages come from or go to: the text behind the adapter's name.
//
//	/queue/NAME              a queue, which is declared
//	/amq/queue/NAME          a queue that must be there, as it is
//	/topic/KEY               the exchange amq.topic
//	/exchange/NAME[/KEY]     an exchange, which must be there
type place struct {
	text     string // the destination
	name     string // of the queue
	exchange string
	key      string
	hasKey   bool
	declared bool // the server declares it
}

const (
	grammar   = "write /queue/NAME, /topic/KEY, /exchange/NAME/KEY or /amq/queue/NAME"
	tempQueue = "/temp-queue/"
	replies   = "/reply-queue/"
	amqTopic  = "amq.topic"
	slash     = "%2F" // in a name; the only escape that RabbitMQ reads there

	maxName = 255 // the longest name that the server has room for
)

func parsePlace(text string) (place, error) {
	p := place{text: text}
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) {
		return p, broker.Wrong(grammar, "%q has a space at its end, or a control character", text)
	}
	kind, rest := "", ""
	for _, k := range []string{"/queue/", "/topic/", "/exchange/", "/amq/queue/"} {
		if strings.HasPrefix(text, k) {
			kind, rest = k, text[len(k):]
		}
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(part, slash, "/")
		if len(parts[i]) > maxName {
			return p, broker.Wrong(grammar, "%.40q… is longer than %d bytes", part, maxName)
		}
	}
	switch {
	case kind == "":
		return p, broker.Wrong(grammar, "%q is no destination", text)
	case parts[0] == "":
		return p, broker.Wrong(grammar, "%q: the name is missing", text)
	case len(parts) > 2 || len(parts) == 2 && kind != "/exchange/":
		return p, broker.Wrong(grammar, "%q: in a name write %%2F for /", text)
	case kind == "/topic/":
		p.exchange, p.key, p.hasKey = amqTopic, parts[0], true
	case kind == "/exchange/":
		p.exchange = parts[0]
		if len(parts) == 2 {
			p.key, p.hasKey = parts[1], true
		}
	default:
		p.name, p.declared = parts[0], kind == "/queue/"
	}
	return p, nil
}

// places reads, checks and finds places for the whole adapter.
var places broker.Parser[place] = parsePlace

func (p place) queue() bool { return p.name != "" }

// String names the place in errors.
func (p place) String() string { return p.text }

// sends returns the destination of m. An exchange without a routing key takes that of the option, else the message's own.
func (p place) sends(m *hub.Message) (string, error) {
	if p.queue() || p.hasKey {
		return p.text, nil
	}
	key := m.Headers[optionKey]
	if key == "" {
		key = m.Headers[hub.HeaderRoutingKey]
	}
	if len(key) > maxName {
		return "", hub.Fail(hub.Invalid, reasonTooLarge, "the routing key is longer than %d bytes", maxName)
	}
	if strings.Contains(key, slash) {
		return "", hub.Fail(hub.Invalid, reasonHeader, "the routing key holds %s, which RabbitMQ would take for /", slash)
	}
	if key == "" {
		return p.text, nil
	}
	return p.text + "/" + strings.ReplaceAll(key, "/", slash), nil
}

// standIn returns the channel that stands for a destination where the hub runs without the server (see hub.Typed).
func standIn(arg string, c *SourceConfig) (hub.Carried, hub.Subscription, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return hub.Carried{}, hub.Subscription{}, err
	}
	if p.queue() {
		return hub.Carried{Name: p.name, Type: "direct"}, hub.Subscription{}, nil
	}
	switch p.exchange {
	case "amq.fanout":
		return hub.Carried{Name: p.exchange, Type: "fanout"}, hub.Subscription{}, nil
	case "amq.headers", "amq.match":
		return hub.Carried{}, hub.Subscription{}, fmt.Errorf("%s: what a headers exchange compares can't be told by STOMP", p)
	}
	s := hub.Subscription{Pattern: p.key}
	if !p.hasKey && c != nil {
		s.Pattern = "#"
	}
	return hub.Carried{Name: p.exchange, Type: "topic"}, s, nil
}
