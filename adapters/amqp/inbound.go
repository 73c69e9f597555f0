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

// message is d as a message of the hub; its ID may be empty. The error is that
// of a delivery that we refuse.
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
	m := &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Time: d.Timestamp.UTC(), Headers: h, Body: hub.NewBody(d.Body), Expires: broker.Expiry(at, d.Timestamp, now, d.Expiration)}
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

// keyOf is the ordering key of m, as the option key says.
func keyOf(m *hub.Message, key string) string {
	switch key {
	case "":
		return ""
	case "correlation-id":
		return m.Correlation
	case "message-id":
		return m.ID
	}
	return m.Headers[strings.ToLower(key)]
}
