package amqp

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// message converts a delivery. The ID of the message may be empty. The error is that of a delivery which is refused.
func message(d *amqp.Delivery, now time.Time, carried bool) (*hub.Message, error) {
	if why, _ := d.Headers[headerRefused].(string); why == reasonTooLarge || why == reasonBody {
		return nil, hub.Fail(hub.Invalid, why, "%s", refusals[why])
	}
	h := tableHeaders(d.Headers, carried)
	set := func(name, value string) {
		if value != "" {
			h[name] = value
		}
	}
	set(hub.HeaderContentType, d.ContentType)
	set(headerEncoding, d.ContentEncoding)
	set(hub.HeaderReplyTo, d.ReplyTo)
	set(headerType, d.Type)
	set(headerAppID, d.AppId)
	if d.Priority > 0 {
		h[headerPriority] = strconv.Itoa(int(d.Priority))
	}
	text, _ := d.Headers[headerExpires].(string)
	at, _ := time.Parse(time.RFC3339Nano, text) // zero: it is not told
	m := &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Time: d.Timestamp.UTC(), Headers: h, Body: hub.NewBody(d.Body),
		Expires: broker.Expiry(at, d.Timestamp, now, d.Expiration)}
	delete(h, headerExpires)
	if d.Timestamp.IsZero() {
		m.Time = now
	}
	if c := h[headerCorrelation]; c != "" {
		m.Correlation = c
		delete(h, headerCorrelation)
	}
	if carried {
		unpack(m, d)
		return m, nil
	}
	set(headerUserID, d.UserId)
	if d.Exchange != "" { // else the key is but the name of the queue
		h[headerExchange] = d.Exchange
		set(hub.HeaderRoutingKey, d.RoutingKey)
	}
	if d.Redelivered {
		h[headerAgain] = "true"
	}
	return m, nil
}

var refusals = map[string]string{
	reasonTooLarge: fmt.Sprintf("the headers are deeper than %d or larger than %d bytes", maxDepth, maxHeaders),
	reasonBody:     "the body is larger than max_body",
}

const (
	headerKey         = "hub-key"         // ordering key of a message on a channel
	headerTime        = "hub-time"        // time of a message on a channel: the property has whole seconds
	headerExpires     = "hub-expires"     // when a message expires: the property says how long after it was sent
	headerCorrelation = "hub-correlation" // business key where the correlation-id belongs to a reply, or is too short
	optionKey         = "routing_key"     // option of `send:`

	headerEncoding = "content-encoding"
	headerType     = "amqp.type"
	headerAppID    = "amqp.app-id"
	headerPriority = "amqp.priority"
	headerUserID   = "amqp.user-id"
	headerExchange = "amqp.exchange"
	headerAgain    = "amqp.redelivered"

	directReplyTo = "amq.rabbitmq.reply-to"
)

// notSent reports whether a header is not sent: it is made by us, or it tells how a message came. A channel keeps the
// latter, except for RabbitMQ's own.
func notSent(name string, carried bool) bool {
	switch name {
	case headerPriority, headerKey, headerTime, headerExpires, headerCorrelation, headerRefused, "x-death", "x-delivery-count", "x-acquired-count":
		return true
	case headerUserID, headerExchange, headerAgain, optionKey, broker.HeaderExact:
		return !carried
	}
	return strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
}

// property returns the property of p that holds the header, or nil if none does.
func property(p *amqp.Publishing, name string) *string {
	switch name {
	case hub.HeaderContentType:
		return &p.ContentType
	case headerEncoding:
		return &p.ContentEncoding
	case hub.HeaderReplyTo:
		return &p.ReplyTo
	case headerType:
		return &p.Type
	case headerAppID:
		return &p.AppId
	}
	return nil
}

// publishing encodes m for the place that it goes to.
func (a *Adapter) publishing(m *hub.Message, to place) (amqp.Publishing, error) {
	p := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: m.ID, CorrelationId: m.Correlation, Timestamp: m.Time, Body: m.Body.Bytes()}
	if int64(len(p.Body)) > a.cfg.MaxBody {
		return p, hub.Fail(hub.Invalid, reasonBody, "the body has %d bytes, more than %d", len(p.Body), a.cfg.MaxBody)
	}
	size, err := a.table(&p, m, to)
	if err != nil {
		return p, err
	}
	if to.carried {
		pack(&p, m)
	}
	if size+len(m.Key)+len(m.Correlation) > maxHeaders {
		return p, hub.Fail(hub.Invalid, reasonTooLarge, "the headers have %d bytes, more than %d", size, maxHeaders)
	}
	if n, err := strconv.ParseUint(m.Headers[headerPriority], 10, 8); err == nil {
		p.Priority = uint8(n)
	}
	if p.ReplyTo == directReplyTo { // it stands for a reader that only the sender's own channel has
		p.ReplyTo = ""
	}
	for _, f := range [...]struct{ name, value string }{{"id", p.MessageId}, {"correlation", p.CorrelationId}, {"content-type", p.ContentType},
		{headerEncoding, p.ContentEncoding}, {"reply-to", p.ReplyTo}, {headerType, p.Type}, {headerAppID, p.AppId}} {
		if len(f.value) > maxName {
			return p, hub.Fail(hub.Invalid, reasonTooLarge, "its %s is longer than %d bytes", f.name, maxName)
		}
	}
	if m.Expires.IsZero() {
		return p, nil
	}
	left := m.Expires.Sub(a.env.Clock.Now())
	if left <= 0 {
		return p, hub.Fail(hub.Rejected, "expired", "it expired at %s", m.Expires.UTC().Format(time.RFC3339))
	}
	header(&p, headerExpires, m.Expires.UTC().Format(time.RFC3339Nano))
	if !to.carried { // what expires on a channel is a dead letter of its reader; RabbitMQ would throw it away
		p.Expiration = expiration(left)
	}
	return p, nil
}

// table fills in the properties and the header table, and returns the table's size. Headers that were kept exactly are
// sent as they came; a channel carries the texts, and the header that keeps the rest, as they are.
func (a *Adapter) table(p *amqp.Publishing, m *hub.Message, to place) (size int, err error) {
	m = m.Outgoing()
	var exact []broker.ExactHeader
	var covered map[string]bool
	if !to.carried {
		exact, covered = broker.Exact(m.Headers, exactText)
	}
	add := func(name string, v any) {
		if !to.carried {
			name = strings.TrimPrefix(name, tablePrefix)
		}
		if len(name) > maxName {
			err = hub.Fail(hub.Invalid, reasonTooLarge, "the name of header %.40s… is longer than %d bytes", name, maxName)
		}
		size += 1 + len(name) + wireSize(v)
		header(p, name, v)
	}
	for name, v := range m.Headers {
		name = strings.ToLower(name)
		if property := property(p, name); property != nil {
			*property = v
		} else if !covered[name] && !notSent(name, to.carried) {
			add(name, v)
		}
	}
	for _, e := range exact {
		if name := strings.ToLower(e.Name); property(p, name) != nil || notSent(name, false) || steers(e.Name) {
			continue
		}
		if v, ok := exactValue(e); ok {
			add(e.Name, v)
		}
	}
	return size, err
}

// header sets an entry of the header table of p, which is made when it is needed.
func header(p *amqp.Publishing, name string, value any) {
	if p.Headers == nil {
		p.Headers = amqp.Table{}
	}
	p.Headers[name] = value
}

// expiration formats a time to live for the property of that name.
func expiration(left time.Duration) string {
	return strconv.FormatInt(min((left+time.Millisecond-1).Milliseconds(), 1<<31), 10)
}
