package hub

import (
	"maps"
	"time"
)

// Message is what travels through the hub. It is immutable: a step that
// changes anything passes on a changed copy (see With… methods).
type Message struct {
	ID          string    // the same on every redelivery; children are derived: parent/1
	Key         string    // ordering key; empty: no order needed
	Correlation string    // the business key (EIP Correlation Identifier), e.g. the order id
	Time        time.Time // when the hub first saw it (or what the transport says)
	Expires     time.Time // EIP Message Expiration; zero: never
	Headers     Headers   // survive every transport
	Body        Body      // bytes, and on demand the decoded document
}

// Root is the ID of the message from outside that m descends from: the part
// before the first "/".
func (m *Message) Root() string {
	for i := range len(m.ID) {
		if m.ID[i] == '/' {
			return m.ID[:i]
		}
	}
	return m.ID
}

// WithBody is a copy of m with another body.
func (m *Message) WithBody(b Body) *Message {
	c := *m
	c.Body = b
	return &c
}

// WithHeader is a copy of m with one header set; an empty value removes it.
func (m *Message) WithHeader(name, value string) *Message {
	c := *m
	c.Headers = m.Headers.With(name, value)
	return &c
}

// WithCorrelation is a copy of m with another Correlation Identifier.
func (m *Message) WithCorrelation(id string) *Message {
	c := *m
	c.Correlation = id
	return &c
}

// WithKey is a copy of m with another ordering key.
func (m *Message) WithKey(key string) *Message {
	c := *m
	c.Key = key
	return &c
}

// handled is m as a stage's steps see it. The expiry of a request that they answer
// says how long somebody waits for the answer; what else they send does not end with it.
// The mark of a traced message that came from outside goes no further by itself.
func (m *Message) handled(asked, outside bool) *Message {
	if (!asked || m.Expires.IsZero()) && !(outside && m.traced()) {
		return m
	}
	c := *m
	if asked {
		c.Expires = time.Time{}
	}
	if outside && m.traced() {
		c.Headers = maps.Clone(m.Headers)
		delete(c.Headers, HeaderTraced)
	}
	return &c
}

// traced tells that a hub keeps the history of what m descends from: then all that becomes of it is kept as well.
func (m *Message) traced() bool { return m.Headers[HeaderTraced] != "" }

// Child is a copy of m with the derived ID m.ID/suffix. IDs longer than 200
// bytes keep their root and end in a hash, so they stay derived and bounded.
func (m *Message) Child(suffix string) *Message {
	c := *m
	c.ID = DeriveID(m.ID, suffix)
	return &c
}

// Headers are text properties of a message; names are lower case. A Headers
// value is never changed once a message carries it: With copies.
type Headers map[string]string

// Get is the value of a header; "" when absent.
func (h Headers) Get(name string) string { return h[name] }

// With is a copy of h with name set to value, or without name when value is "".
// A header that came empty is there all the same, until a step removes it.
func (h Headers) With(name, value string) Headers {
	if old, there := h[name]; old == value && there == (value != "") {
		return h
	}
	c := make(Headers, len(h)+1)
	for k, v := range h {
		c[k] = v
	}
	if value == "" {
		delete(c, name)
	} else {
		c[name] = value
	}
	return c
}

// Header names with a meaning of their own. Everything else belongs to the users.
const (
	HeaderContentType = "content-type"
	HeaderStatus      = "status"          // status of a reply: an HTTP status code
	HeaderIdempotency = "idempotency-key" // Idempotency-Key of a request, in and out
	HeaderVerified    = "verified-id"     // of a request whose sender is proven: what names it among all of that sender's, such as its webhook-id
	HeaderReplyTo     = "reply-to"        // EIP Return Address
	HeaderSequence    = "sequence"        // EIP Message Sequence: "2/5", set by split
	HeaderRetryAfter  = "retry-after"     // seconds
	HeaderTraceparent = "traceparent"     // W3C Trace Context
	HeaderTraced      = "hub-traced"      // set by whoever sends, on a channel that a broker carries, what has a history
	HeaderRoutingKey  = "routing-key"     // of a message on a topic channel
)
