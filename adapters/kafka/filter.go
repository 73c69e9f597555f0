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
	for name, value := range f.headers {
		if h[name] != value {
			return false
		}
	}
	return f.pattern == nil || topicMatch(f.pattern, strings.Split(h[hub.HeaderRoutingKey], "."))
}

// topicMatch is AMQP 0-9-1's meaning of a topic pattern (section 3.1.3.3): words parted by dots, * is one word, # is none or more.
func topicMatch(pattern, key []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "#" {
			for i := range len(key) + 1 {
				if topicMatch(pattern[1:], key[i:]) {
					return true
				}
			}
			return false
		}
		if len(key) == 0 || pattern[0] != "*" && pattern[0] != key[0] {
			return false
		}
		pattern, key = pattern[1:], key[1:]
	}
	return len(key) == 0
}
