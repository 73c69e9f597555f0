package stomp

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

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

// notSent are headers that stay behind. They tell of the way a message came,
// or would tell the server something: which queue to make, whose transaction it is.
var notSent = map[string]bool{
	headerDestination: true, headerLength: true, headerReceipt: true, headerAck: true, headerMessageID: true, headerSubscription: true, headerPrefetch: true,
	"transaction": true, "selector": true, "id": true,
	headerCorrelationID: true, headerAMQPID: true, headerExpiration: true, headerExpires: true, headerTimestamp: true, headerPersistent: true, headerPriority: true,
	headerRedelivered: true, headerUserID: true, "cluster-id": true, hub.HeaderReplyTo: true, hub.HeaderExact: true,
	headerID: true, headerKey: true, headerCorrelation: true, optionKey: true, headerCameBy: true, headerCameFrom: true, headerAgain: true,
	"durable": true, "auto-delete": true, "exclusive": true, "x-queue-name": true, "x-queue-type": true, "x-queue-mode": true, "x-queue-leader-locator": true,
	"x-dead-letter-exchange": true, "x-dead-letter-routing-key": true, "x-dead-letter-strategy": true, "x-expires": true, "x-message-ttl": true,
	"x-max-length": true, "x-max-length-bytes": true, "x-max-age": true, "x-max-priority": true, "x-overflow": true, "x-delivery-limit": true,
	"x-single-active-consumer": true, "x-stream-max-segment-size-bytes": true, "x-stream-filter-size-bytes": true, "x-stream-offset": true, "x-stream-filter": true,
	"x-death": true, "x-delivery-count": true, "x-acquired-count": true,
}

func staysBehind(name string) bool {
	return notSent[name] || strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
}

// properties are headers that RabbitMQ makes properties of, with room for maxName bytes.
var properties = map[string]bool{hub.HeaderContentType: true, "content-encoding": true, "type": true, "app-id": true,
	hub.HeaderReplyTo: true, headerCorrelationID: true, headerAMQPID: true}

// sending is m as a SEND frame to p.
func (a *Adapter) sending(p place, m *hub.Message) (*frame, error) {
	to, err := p.sends(m)
	if err != nil {
		return nil, err
	}
	f := newFrame(cmdSend, headerDestination, to)
	f.headers = append(f.headers, a.arguments(p)...)
	return f, a.fill(f, m)
}

// fill adds what m says to a SEND frame.
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
	for _, h := range []header{{headerID, m.ID}, {headerAMQPID, m.ID}, {headerKey, m.Key}, {headerCorrelationID, m.Correlation}, {hub.HeaderReplyTo, returnAddress(m)}} {
		if h.value != "" {
			f.headers = append(f.headers, h)
		}
	}
	if err := a.expire(f, m.Expires); err != nil {
		return err
	}
	exact, covered := m.Headers.Exact(nil)
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

// returnAddress is where replies to m go. A temporary queue stands for one
// that only its own connection has; RabbitMQ puts its prefix before names, and
// does so again.
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

// fits tells what of the headers the server has no room for.
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
