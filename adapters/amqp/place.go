package amqp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
)

// place is where messages come from or go to.
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

// maxName is the longest name that the protocol has room for.
const maxName = 255

// mistake is what is wrong in the words of a configuration.
type mistake hub.FieldFault

func (m *mistake) Error() string { return m.Message + ": " + m.Help }

func wrong(help, format string, args ...any) *mistake {
	return &mistake{Message: fmt.Sprintf(format, args...), Help: help}
}

// parsePlace reads the text behind the adapter's name:
//
//	queue NAME
//	exchange NAME [type TYPE] [key PATTERN]
func parsePlace(text string) (p place, m *mistake) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return p, wrong(meant(words), "%q is no queue and no exchange", text)
	}
	for _, w := range words {
		if len(w) > maxName {
			return p, wrong("take a shorter name", "%.40q… is longer than %d bytes", w, maxName)
		}
	}
	switch words[0] {
	case "queue":
		if p.queue = words[1]; len(words) > 2 {
			return p, wrong("write queue "+p.queue, "%q: nothing can follow the name of a queue", text)
		}
		return p, nil
	case "exchange":
		p.exchange = words[1]
	default:
		return p, wrong(meant(words), "%q: %q is not known here", text, words[0])
	}
	for i := 2; i < len(words); i += 2 {
		switch word := words[i]; {
		case word != "type" && word != "key":
			return p, wrong("write exchange NAME type TYPE key PATTERN", "%q: %q is not known here", text, word)
		case i+1 == len(words):
			return p, wrong("write exchange NAME type TYPE key PATTERN", "%q: nothing follows %q", text, word)
		case word == "key":
			p.key, p.hasKey = words[i+1], true
		default:
			if p.kind = words[i+1]; !slices.Contains(kinds, p.kind) {
				return p, wrong("write "+strings.Join(kinds, ", ")+" behind type", "%q: %q is no type of an exchange", text, p.kind)
			}
		}
	}
	return p, nil
}

// meant is what to write instead of words that are no place.
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

// String names it in errors.
func (p place) String() string {
	switch {
	case p.carried:
		return "channel " + cmp.Or(p.exchange, p.queue)
	case p.queue != "":
		return "queue " + p.queue
	}
	return "exchange " + p.exchange
}
