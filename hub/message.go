package hub

import "time"

// Message is what travels through the hub. It is immutable: a step that
// changes anything passes on a changed copy (see With… methods).
type Message struct {
	ID          string       // the same on every redelivery; children are derived: parent/1
	Key         string       // ordering key; empty: no order needed
	Correlation string       // the business key (EIP Correlation Identifier), e.g. the order id
	Time        time.Time    // when the hub first saw it (or what the transport says)
	Expires     time.Time    // EIP Message Expiration; zero: never
	Headers     Headers      // survive every transport
	Body        Body         // bytes, and on demand the decoded document
	Trace       TraceContext // the run that made it; zero: it comes from outside, see Begin
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

// WithBody is a copy of m with another body. A document is JSON, whatever the
// body was before, until an endpoint writes it in its own format.
func (m *Message) WithBody(b Body) *Message {
	c := *m
	c.Body = b
	format := m.Headers[HeaderFormat]
	if b.IsDocument() && b.Format() == nil && (format != "" && format != FormatJSON || m.Headers[HeaderEncoding] != "" || !IsJSON(m.Headers[HeaderContentType])) {
		c.Headers = m.Headers.With(HeaderFormat, "", HeaderEncoding, "", HeaderContentType, "application/json")
	}
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

// Child is a copy of m with the derived ID m.ID/suffix. IDs longer than 200
// bytes keep their root and end in a hash, so they stay derived and bounded.
func (m *Message) Child(suffix string) *Message {
	c := *m
	c.ID = DeriveID(m.ID, suffix)
	return &c
}
