package amqp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// message is d as a message of the hub; its ID may be empty. The error is that
// of a delivery that we refuse.
func message(d *amqp.Delivery, now time.Time, carried bool) (*hub.Message, error) {
	if why, _ := d.Headers[headerRefused].(string); why == reasonTooLarge || why == reasonBody {
		return nil, hub.Fail(hub.Invalid, why, "%s", refusals[why])
	}
	h := make(hub.Headers, len(d.Headers)+4)
	if len(d.Headers) > 0 {
		for _, name := range slices.Sorted(maps.Keys(d.Headers)) { // two names may differ in their case alone
			if v := headerText(d.Headers[name]); v != "" {
				h[strings.ToLower(name)] = v
			}
		}
	}
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
	m := &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Time: d.Timestamp.UTC(), Headers: h, Body: hub.NewBody(d.Body), Expires: expires(d, now)}
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

// expires is when the message is worthless: as a hub that sent it says, else
// its time to live after its timestamp. Where the sender's clock is so far from
// ours that this can't be, its time to live begins now.
func expires(d *amqp.Delivery, now time.Time) time.Time {
	text, _ := d.Headers[headerExpires].(string)
	at, unknown := time.Parse(time.RFC3339Nano, text)
	ms, err := strconv.ParseInt(d.Expiration, 10, 64)
	if err != nil || ms < 0 || ms > int64(100*365*24*time.Hour/time.Millisecond) {
		return at.UTC()
	}
	ttl := time.Duration(ms) * time.Millisecond
	if unknown != nil && !d.Timestamp.IsZero() {
		at = d.Timestamp.Add(ttl)
	}
	if at.After(now) && !at.After(now.Add(ttl)) {
		return at.UTC()
	}
	return now.Add(ttl)
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

// headerText is a value of a header table as text: tables and lists are JSON.
func headerText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case amqp.Decimal:
		return decimal(v)
	case amqp.Table, []any:
		raw, err := json.Marshal(plain(v))
		if err != nil {
			return fmt.Sprint(v) // a float that is no number
		}
		return string(raw)
	}
	return fmt.Sprint(v)
}

// plain is v with values that JSON has.
func plain(v any) any {
	switch v := v.(type) {
	case amqp.Table:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case []byte, time.Time, amqp.Decimal:
		return headerText(v)
	}
	return v
}

func decimal(d amqp.Decimal) string {
	text := strconv.FormatInt(int64(d.Value), 10)
	if d.Scale == 0 {
		return text
	}
	sign := ""
	if d.Value < 0 {
		sign, text = "-", text[1:]
	}
	for len(text) <= int(d.Scale) {
		text = "0" + text
	}
	cut := len(text) - int(d.Scale)
	return sign + text[:cut] + "." + text[cut:]
}
