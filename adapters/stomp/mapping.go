package stomp

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// ownHeaders are headers of a delivery that do not become headers of the message: they belong to the protocol, or are parts of the message itself.
var ownHeaders = map[string]bool{
	headerDestination: true, headerLength: true, headerReceipt: true, headerAck: true, headerMessageID: true, headerSubscription: true,
	headerCorrelationID: true, headerAMQPID: true, headerExpiration: true, headerTimestamp: true, headerPersistent: true, headerRedelivered: true,
	headerUserID: true, headerID: true, headerKey: true, headerCorrelation: true,
}

// message converts a MESSAGE frame. The ID of the message may be empty. The error is that of a delivery which is refused.
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

// headersOf returns the headers of the message as texts, the first one of each name; HeaderExact keeps what these texts can't express.
func headersOf(f *frame) hub.Headers {
	h := make(hub.Headers, len(f.headers))
	var all []broker.ExactHeader
	for _, e := range f.headers {
		name := strings.ToLower(e.name)
		if ownHeaders[name] || name == broker.HeaderExact {
			continue
		}
		if _, there := h[name]; !there {
			h[name] = e.value
		}
		if !staysBehind(name) {
			all = append(all, broker.ExactHeader{Name: e.name, Form: broker.FormText, Value: e.value})
		}
	}
	return broker.KeepExact(h, all)
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

// timestamp returns when the message was sent, or the zero time if that is not told. The header has seconds since 1970,
// or milliseconds from ActiveMQ.
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

// expires returns when the message expires. The header has a time, or a time to live that begins at the timestamp.
func expires(f *frame, sent, now time.Time) (at time.Time) {
	if ms, err := strconv.ParseInt(f.get(headerExpires), 10, 64); err == nil && ms > 0 && ms < math.MaxInt64/1000 {
		at = time.UnixMilli(ms)
	}
	return broker.Expiry(at, sent, now, f.get(headerExpiration))
}

// keyOf returns the ordering key that the option key selects.
func keyOf(f *frame, m *hub.Message, key string) string {
	if key == "" || key == headerKey {
		return f.get(headerKey)
	}
	return broker.KeyOf(m, key)
}

const (
	headerDestination   = "destination"
	headerLength        = "content-length"
	headerReceipt       = "receipt"
	headerReceiptID     = "receipt-id"
	headerAck           = "ack"
	headerMessageID     = "message-id" // of the delivery: new each time at RabbitMQ
	headerSubscription  = "subscription"
	headerPrefetch      = "prefetch-count"
	headerCorrelationID = "correlation-id"
	headerAMQPID        = "amqp-message-id" // RabbitMQ's property message-id
	headerExpiration    = "expiration"      // RabbitMQ's: milliseconds that are left
	headerExpires       = "expires"         // ActiveMQ's and ours: milliseconds since 1970
	headerTimestamp     = "timestamp"       // seconds since 1970, as AMQP has it
	headerPersistent    = "persistent"
	headerPriority      = "priority"
	headerRedelivered   = "redelivered"
	headerUserID        = "user-id"

	headerID          = "hub-id"          // ID of a message
	headerKey         = "hub-key"         // its ordering key
	headerCorrelation = "hub-correlation" // business key of a request, whose correlation-id belongs to its reply
	optionKey         = "routing_key"     // option of `send:`

	headerCameBy   = "stomp.destination"
	headerCameFrom = "stomp.user-id"
	headerAgain    = "stomp.redelivered"
)

// notSent are headers that are not sent. They tell how a message came, or would tell the server something: which queue
// to declare, whose transaction it is.
var notSent = map[string]bool{
	headerDestination: true, headerLength: true, headerReceipt: true, headerAck: true, headerMessageID: true,
	headerSubscription: true, headerPrefetch: true, "transaction": true, "selector": true, "id": true,
	headerCorrelationID: true, headerAMQPID: true, headerExpiration: true, headerExpires: true, headerTimestamp: true,
	headerPersistent: true, headerPriority: true,
	headerRedelivered: true, headerUserID: true, "cluster-id": true, hub.HeaderReplyTo: true, broker.HeaderExact: true,
	headerID: true, headerKey: true, headerCorrelation: true, optionKey: true, headerCameBy: true, headerCameFrom: true, headerAgain: true,
	"durable": true, "auto-delete": true, "exclusive": true, "x-queue-name": true, "x-queue-type": true,
	"x-queue-mode": true, "x-queue-leader-locator": true,
	"x-dead-letter-exchange": true, "x-dead-letter-routing-key": true, "x-dead-letter-strategy": true, "x-expires": true, "x-message-ttl": true,
	"x-max-length": true, "x-max-length-bytes": true, "x-max-age": true, "x-max-priority": true, "x-overflow": true, "x-delivery-limit": true,
	"x-single-active-consumer": true, "x-stream-max-segment-size-bytes": true, "x-stream-filter-size-bytes": true,
	"x-stream-offset": true, "x-stream-filter": true,
	"x-death": true, "x-delivery-count": true, "x-acquired-count": true,
}

func staysBehind(name string) bool {
	return notSent[name] || strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
}

// properties are headers that RabbitMQ converts to properties, which have room for maxName bytes.
var properties = map[string]bool{hub.HeaderContentType: true, "content-encoding": true, "type": true, "app-id": true,
	hub.HeaderReplyTo: true, headerCorrelationID: true, headerAMQPID: true}

// sending encodes m as a SEND frame for p.
func (a *Adapter) sending(p place, m *hub.Message) (*frame, error) {
	to, err := p.sends(m)
	if err != nil {
		return nil, err
	}
	f := newFrame(cmdSend, headerDestination, to)
	f.headers = append(f.headers, a.arguments(p)...)
	return f, a.fill(f, m)
}

// fill adds the headers and the body of m to a SEND frame.
func (a *Adapter) fill(f *frame, m *hub.Message) error {
	f.body = m.Body.Bytes()
	if int64(len(f.body)) > a.cfg.MaxBody {
		return hub.Fail(hub.Invalid, reasonBody, "the body has %d bytes, more than %d", len(f.body), a.cfg.MaxBody)
	}
	f.add(headerPersistent, strconv.FormatBool(m.Headers[headerPersistent] != "false"))
	f.add(headerTimestamp, strconv.FormatInt(max(0, m.Time.Unix()), 10))
	if n, err := strconv.ParseUint(m.Headers[headerPriority], 10, 8); err == nil {
		f.add(headerPriority, strconv.FormatUint(n, 10))
	}
	for _, h := range []header{{headerID, m.ID}, {headerAMQPID, m.ID}, {headerKey, m.Key},
		{headerCorrelationID, m.Correlation}, {hub.HeaderReplyTo, returnAddress(m)}} {
		if h.value != "" {
			f.headers = append(f.headers, h)
		}
	}
	if err := a.expire(f, m.Expires); err != nil {
		return err
	}
	m = m.Outgoing()
	exact, covered := broker.Exact(m.Headers, nil)
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		if lower := strings.ToLower(name); !staysBehind(lower) && !covered[lower] {
			f.add(lower, m.Headers[name])
		}
	}
	for _, e := range exact {
		if text, _ := e.Text(); !staysBehind(strings.ToLower(e.Name)) { // a header here is a text: bytes are base64
			f.add(e.Name, text)
		}
	}
	return fits(f)
}

// returnAddress returns where replies to m go. A temporary queue is known to its own connection only. RabbitMQ puts a
// prefix before the names of reply queues, and would do so again.
func returnAddress(m *hub.Message) string {
	to := m.Headers[hub.HeaderReplyTo]
	if strings.HasPrefix(to, tempQueue) {
		return ""
	}
	return strings.TrimPrefix(to, replies)
}

func (a *Adapter) expire(f *frame, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	left := at.Sub(a.env.Clock.Now()).Milliseconds()
	if left <= 0 {
		return hub.Fail(hub.Rejected, "expired", "it expired at %s", at.UTC().Format(time.RFC3339))
	}
	f.add(headerExpiration, strconv.FormatInt(min(left, 1<<31), 10))
	f.add(headerExpires, strconv.FormatInt(at.UnixMilli(), 10))
	return nil
}

// fits returns an error if the server has no room for the headers.
func fits(f *frame) error {
	size := 0
	for _, h := range f.headers {
		if size += len(h.name) + len(h.value) + 2; len(h.name) > maxName {
			return hub.Fail(hub.Invalid, reasonTooLarge, "the name of header %.40s… is longer than %d bytes", h.name, maxName)
		}
		if properties[h.name] && len(h.value) > maxName {
			return hub.Fail(hub.Invalid, reasonTooLarge, "its %s is longer than %d bytes", h.name, maxName)
		}
	}
	if size > maxHeaders {
		return hub.Fail(hub.Invalid, reasonTooLarge, "the headers have %d bytes, more than %d", size, maxHeaders)
	}
	return nil
}
