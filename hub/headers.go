package hub

import (
	"maps"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// Headers are text properties of a message; names are lower case. A Headers
// value is never changed once a message carries it: With copies.
type Headers map[string]string

// Get is the value of a header; "" when absent.
func (h Headers) Get(name string) string { return h[name] }

// With is a copy of h with a name set to a value, or without the name when the value is "", for each pair of both.
// A header that came empty is there all the same, until a step removes it.
func (h Headers) With(pairs ...string) Headers {
	c, copied := h, false
	for ; len(pairs) > 0; pairs = pairs[2:] {
		name, value := pairs[0], pairs[1]
		if old, there := c[name]; old == value && there == (value != "") {
			continue
		}
		if !copied {
			if c, copied = maps.Clone(h), true; c == nil {
				c = Headers{}
			}
		}
		if c[name] = value; value == "" {
			delete(c, name)
		}
	}
	return c
}

// Document are the headers whose names begin with the prefix, as an object with the rest of their names, sorted.
func (h Headers) Document(prefix string) doc.Value {
	fields := make([]doc.Field, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			fields = append(fields, doc.Field{Name: rest, Value: doc.StringValue(h[name])})
		}
	}
	return doc.ObjectOf(fields)
}

// HeaderName is name as Headers have it: in small letters, but for the parameters of a request, whose names are their sender's.
func HeaderName(name string) string {
	if strings.HasPrefix(name, "query.") || strings.HasPrefix(name, "param.") {
		return name
	}
	return strings.ToLower(name)
}

// Header names with a meaning of their own. Everything else belongs to the users.
const (
	HeaderContentType = "content-type"
	HeaderEncoding    = "content-encoding" // compression of the body
	HeaderFormat      = "hub-format"       // entry of `formats:` that the body is in, where the content type does not say enough; other parties do not get it
	HeaderAsked       = "hub-asked"        // of an answer over HTTP: method and address of the request, without its query; a call takes it off and tells its span
	HeaderStatus      = "status"           // status of a reply: an HTTP status code
	HeaderIdempotency = "idempotency-key"  // Idempotency-Key of a request, in and out
	HeaderVerified    = "verified-id"      // of a request whose sender is proven: what names it among all of that sender's, such as its webhook-id
	HeaderReplyTo     = "reply-to"         // EIP Return Address
	HeaderSequence    = "sequence"         // EIP Message Sequence: "2/5", set by split
	HeaderRetryAfter  = "retry-after"      // seconds
	HeaderTraceparent = "traceparent"      // W3C Trace Context, see TraceContext; as tracestate
	HeaderTracestate  = "tracestate"
	HeaderRoutingKey  = "routing-key" // of a message on a topic channel
)

// TopicMatch is AMQP 0-9-1's meaning of a topic pattern (section 3.1.3.3): * is one word, # is none or more, between
// dots. The empty pattern and the empty key have no words.
func TopicMatch(pattern, key string) bool {
	return wordsMatch(pattern, pattern != "", key, key != "")
}

// wordsMatch compares what is left of a pattern and a key; false beside one of them: no word is left.
func wordsMatch(pattern string, more bool, key string, has bool) bool {
	for more {
		var want, word string
		want, pattern, more = strings.Cut(pattern, ".")
		if want == "#" {
			for !wordsMatch(pattern, more, key, has) {
				if !has {
					return false
				}
				_, key, has = strings.Cut(key, ".")
			}
			return true
		}
		if !has {
			return false
		}
		if word, key, has = strings.Cut(key, "."); want != "*" && want != word {
			return false
		}
	}
	return !has
}

// Match tells whether h has every header of want with its value: a headers exchange with x-match=all.
func (h Headers) Match(want map[string]string) bool {
	for name, value := range want {
		if h[name] != value {
			return false
		}
	}
	return true
}
