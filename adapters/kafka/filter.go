package kafka

import (
	"strings"

	"orderhub/hub"
)

// filter is what a reader wants of a topic: Kafka has no exchanges, the reader sorts out.
type filter struct {
	pattern []string          // of the routing key; nil: any
	headers map[string]string // all of them
}

func (f filter) takes(h hub.Headers) bool {
	return h.Match(f.headers) && (f.pattern == nil || hub.TopicMatch(f.pattern, words(h[hub.HeaderRoutingKey])))
}

// words are those of a routing key or a pattern; an empty one has none.
func words(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ".")
}
