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
	headerCorrelation = "hub-correlation" // business key of a request, whose correlation-id belongs to its reply
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

// notSent are headers that stay behind: they tell of the way a message came.
func notSent(name string) bool {
	switch name {
	case headerPriority, headerUserID, headerExchange, headerAgain, optionKey, headerKey, headerCorrelation, headerRefused,
		"x-death", "x-delivery-count", "x-acquired-count":
		return true
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
func (a *Adapter) publishing(m *hub.Message) (amqp.Publishing, error) {
	p := amqp.Publishing{Headers: amqp.Table{}, DeliveryMode: amqp.Persistent, MessageId: m.ID, CorrelationId: m.Correlation,
		Timestamp: m.Time, Body: m.Body.Bytes()}
	if int64(len(p.Body)) > a.cfg.MaxBody {
		return p, hub.Fail(hub.Invalid, reasonBody, "the body has %d bytes, more than %d", len(p.Body), a.cfg.MaxBody)
	}
	size := 0
	for name, v := range m.Headers {
		if property := property(&p, name); property != nil {
			*property = v
			continue
		}
		if notSent(name) {
			continue
		}
		if len(name) > maxName {
			return p, hub.Fail(hub.Invalid, reasonTooLarge, "the name of header %.40s… is longer than %d bytes", name, maxName)
		}
		size += len(name) + len(v) + 6
		p.Headers[strings.ToLower(name)] = v
	}
	if size > maxHeaders {
		return p, hub.Fail(hub.Invalid, reasonTooLarge, "the headers have %d bytes, more than %d", size, maxHeaders)
	}
	if n, err := strconv.ParseUint(m.Headers[headerPriority], 10, 8); err == nil {
		p.Priority = uint8(n)
	}
	if p.ReplyTo == directReplyTo { // it stands for a reader that only the sender's own channel has
		p.ReplyTo = ""
	}
	for _, f := range []struct{ name, value string }{{"id", p.MessageId}, {"correlation", p.CorrelationId}, {"content-type", p.ContentType},
		{headerEncoding, p.ContentEncoding}, {"reply-to", p.ReplyTo}, {headerType, p.Type}, {headerAppID, p.AppId}} {
		if len(f.value) > maxName {
			return p, hub.Fail(hub.Invalid, reasonTooLarge, "its %s is longer than %d bytes", f.name, maxName)
		}
	}
	return p, a.expire(&p, m.Expires)
}

func (a *Adapter) expire(p *amqp.Publishing, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	left := at.Sub(a.env.Clock.Now()).Milliseconds()
	if left <= 0 {
		return hub.Fail(hub.Rejected, "expired", "it expired at %s", at.UTC().Format(time.RFC3339))
	}
	p.Expiration = strconv.FormatInt(min(left, 1<<31), 10)
	return nil
}
