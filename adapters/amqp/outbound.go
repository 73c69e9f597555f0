package amqp

import (
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

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

// notSent are headers that stay behind: those that we make, and those that
// tell of the way a message came. A channel keeps the latter, but for RabbitMQ's.
func notSent(name string, carried bool) bool {
	switch name {
	case headerPriority, headerKey, headerTime, headerExpires, headerCorrelation, headerRefused, "x-death", "x-delivery-count", "x-acquired-count":
		return true
	case headerUserID, headerExchange, headerAgain, optionKey, hub.HeaderExact:
		return !carried
	}
	return strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
}

// property is the property of p that the header becomes; nil: none.
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

// publishing is m as the server takes it.
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

// table makes properties and the header table of m's headers. Those that were kept exactly are sent as they came, but on a
// channel, where the texts and the header that keeps the rest go as they are.
func (a *Adapter) table(p *amqp.Publishing, m *hub.Message, to place) (size int, err error) {
	var exact []hub.ExactHeader
	var covered map[string]bool
	if !to.carried {
		exact, covered = m.Headers.Exact(exactText)
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

// header adds to the header table of p, which is made when it is needed.
func header(p *amqp.Publishing, name string, value any) {
	if p.Headers == nil {
		p.Headers = amqp.Table{}
	}
	p.Headers[name] = value
}

// expiration is a time to live as the property says it.
func expiration(left time.Duration) string {
	return strconv.FormatInt(min((left+time.Millisecond-1).Milliseconds(), 1<<31), 10)
}
