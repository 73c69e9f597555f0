package amqp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// place is where messages come from or go to: the text behind the adapter's name.
//
//	queue NAME
//	exchange NAME [type TYPE] [key PATTERN]
//	channel NAME type TYPE [for READER] [key PATTERN] [match a=1&b=2]
type place struct {
	text     string
	queue    string
	exchange string
	kind     string // of the exchange or the channel; "" must be there
	key      string
	hasKey   bool
	channel  string // of a channel that RabbitMQ carries: its name
	reader   string // the pipeline that reads it
	match    map[string]string
}

const (
	direct  = "direct"
	topic   = "topic"
	fanout  = "fanout"
	headers = "headers"
)

var kinds = []string{direct, topic, fanout, headers}

const grammar = "write queue NAME, or exchange NAME key PATTERN"

// maxName is the longest name that the protocol has room for.
const maxName = 255

func parsePlace(text string) (place, error) {
	p := place{text: text}
	words := strings.Fields(text)
	if len(words) < 2 || len(words)%2 != 0 {
		return p, fmt.Errorf("%q is no queue and no exchange: %s", text, grammar)
	}
	name := words[1]
	switch words[0] {
	case "queue":
		p.queue = name
	case "exchange":
		p.exchange = name
	case "channel":
		p.channel = name
	default:
		return p, fmt.Errorf("%q: %q is not known here: %s", text, words[0], grammar)
	}
	for i := 2; i < len(words); i += 2 {
		if err := p.set(words[i], words[i+1]); err != nil {
			return p, fmt.Errorf("%q: %w", text, err)
		}
	}
	for _, w := range words {
		if len(w) > maxName {
			return p, fmt.Errorf("%.40q… is longer than %d bytes", w, maxName)
		}
	}
	if p.channel != "" {
		return p, p.carry()
	}
	return p, nil
}

func (p *place) set(word, value string) error {
	switch {
	case word == "type" && p.queue == "":
		p.kind = value
		if !slices.Contains(kinds, value) {
			return fmt.Errorf("type %q is none of %s", value, strings.Join(kinds, ", "))
		}
	case word == "key" && p.queue == "":
		p.key, p.hasKey = value, true
	case word == "for" && p.channel != "":
		p.reader = value
	case word == "match" && p.channel != "":
		values, err := url.ParseQuery(value)
		if err != nil {
			return fmt.Errorf("match %q: %w", value, err)
		}
		p.match = map[string]string{}
		for name := range values {
			p.match[name] = values.Get(name)
		}
	default:
		return fmt.Errorf("%q is not known here: %s", word, grammar)
	}
	return nil
}

// carry says what of RabbitMQ carries the channel: a direct one is a durable
// queue of its name, the others an exchange of its name with one durable
// queue per reader, NAME>READER.
func (p *place) carry() error {
	switch p.kind {
	case "":
		return fmt.Errorf("channel %s: its type is missing", p.channel)
	case direct:
		p.queue = p.channel
	default:
		p.exchange = p.channel
		if p.reader != "" {
			p.queue = p.channel + ">" + p.reader
		}
		if p.kind == topic && p.reader != "" && !p.hasKey {
			p.key = "#"
		}
	}
	return nil
}

// checkSend tells why nothing can be sent there.
func (p *place) checkSend() error {
	if p.reader != "" || p.match != nil {
		return fmt.Errorf("%q names a reader", p.text)
	}
	return nil
}

// String names it in errors.
func (p place) String() string {
	switch {
	case p.channel != "":
		return "channel " + p.channel
	case p.queue != "":
		return "queue " + p.queue
	}
	return "exchange " + p.exchange
}
