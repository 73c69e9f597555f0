package stomp

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// ownHeaders are headers of a delivery that are no headers of the message:
// they are the protocol's, or parts of the message itself.
var ownHeaders = map[string]bool{
	headerDestination: true, headerLength: true, headerReceipt: true, headerAck: true, headerMessageID: true, headerSubscription: true,
	headerCorrelationID: true, headerAMQPID: true, headerExpiration: true, headerTimestamp: true, headerPersistent: true, headerRedelivered: true,
	headerUserID: true, headerID: true, headerKey: true, headerCorrelation: true,
}

// message is a MESSAGE as a message of the hub; its ID may be empty. The error
// is that of a delivery that we refuse.
func message(f *frame, idHeader string, now time.Time) (*hub.Message, error) {
	if f.refused != "" {
		return nil, hub.Fail(hub.Invalid, f.refused, "%s", refusals[f.refused])
	}
	h := headersOf(f)
	m := &hub.Message{ID: f.get(idHeader), Correlation: f.get(headerCorrelationID), Time: now, Headers: h, Body: hub.NewBody(f.body)}
	if m.ID == "" {
		m.ID = f.get(headerAMQPID)
	}
	if len(m.ID) > maxName {
		return nil, hub.Fail(hub.Invalid, reasonTooLarge, "its %s is longer than %d bytes", idHeader, maxName)
	}
	if c := f.get(headerCorrelation); c != "" {
		m.Correlation = c
	}
	sent := timestamp(f)
	if !sent.IsZero() {
		m.Time = sent
	}
	if m.Expires = expires(f, sent, now); !m.Expires.IsZero() {
		delete(h, headerExpires)
	}
	m.Headers = came(f, h)
	return m, nil
}

// headersOf are the headers of the message: of a name that is there twice the first, and what these texts can't say beside them.
func headersOf(f *frame) hub.Headers {
	h := make(hub.Headers, len(f.headers))
	var all []hub.ExactHeader
	same := map[string]int{}
	for _, e := range f.headers {
		name := strings.ToLower(e.name)
		if ownHeaders[name] || name == hub.HeaderExact {
			continue
		}
		if same[name]++; same[name] == 1 {
			h[name] = e.value
		}
		if !staysBehind(name) {
			all = append(all, hub.ExactHeader{Name: e.name, Form: hub.FormText, Value: e.value})
		}
	}
	return h.WithExact(slices.DeleteFunc(all, func(e hub.ExactHeader) bool {
		name := strings.ToLower(e.Name)
		return e.Name == name && same[name] == 1
	}))
}

var refusals = map[string]string{
	reasonTooLarge: fmt.Sprintf("the headers are larger than %d bytes", maxHeaders),
	reasonBody:     "the body is larger than max_body",
}

// came adds to h how the message came.
func came(f *frame, h hub.Headers) hub.Headers {
	to := f.get(headerDestination)
	h[headerCameBy] = to
	if p, err := parsePlace(to); err == nil && p.key != "" {
		h[hub.HeaderRoutingKey] = p.key
		if key, err := url.PathUnescape(p.key); err == nil { // RabbitMQ writes more escapes than it reads
			h[hub.HeaderRoutingKey] = key
		}
	}
	if user := f.get(headerUserID); user != "" {
		h[headerCameFrom] = user
	}
	if f.get(headerRedelivered) == "true" {
		h[headerAgain] = "true"
	}
	return h
}

// timestamp is when the message was sent: seconds since 1970, or milliseconds,
// as ActiveMQ has it. Zero: it is not told.
func timestamp(f *frame) time.Time {
	const since5138 = 100_000_000_000 // as seconds; as milliseconds it is 1973
	n, err := strconv.ParseInt(f.get(headerTimestamp), 10, 64)
	switch {
	case err != nil || n <= 0 || n > math.MaxInt64/1000:
		return time.Time{}
	case n < since5138:
		return time.Unix(n, 0).UTC()
	}
	return time.UnixMilli(n).UTC()
}

// expires is when the message is worthless: a time, or a time to live that runs from the timestamp.
func expires(f *frame, sent, now time.Time) (at time.Time) {
	if ms, err := strconv.ParseInt(f.get(headerExpires), 10, 64); err == nil && ms > 0 && ms < math.MaxInt64/1000 {
		at = time.UnixMilli(ms)
	}
	return broker.Expiry(at, sent, now, f.get(headerExpiration))
}

// keyOf is the ordering key of m, as the option key says.
func keyOf(f *frame, m *hub.Message, key string) string {
	switch key {
	case "", headerKey:
		return f.get(headerKey)
	case headerCorrelationID:
		return m.Correlation
	case headerMessageID:
		return m.ID
	}
	return m.Headers[strings.ToLower(key)]
}
