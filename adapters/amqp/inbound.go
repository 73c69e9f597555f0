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
func message(d *amqp.Delivery, now time.Time) (*hub.Message, error) {
	if why, _ := d.Headers[headerRefused].(string); why == reasonTooLarge || why == reasonBody {
		return nil, hub.Fail(hub.Invalid, why, "%s", refusals[why])
	}
	h := make(hub.Headers, len(d.Headers)+4)
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		if v := headerText(d.Headers[name]); v != "" {
			h[strings.ToLower(name)] = v
		}
	}
	for _, f := range [...]struct{ name, value string }{
		{hub.HeaderContentType, d.ContentType}, {headerEncoding, d.ContentEncoding}, {hub.HeaderReplyTo, d.ReplyTo}, {hub.HeaderRoutingKey, d.RoutingKey},
		{headerType, d.Type}, {headerAppID, d.AppId}, {headerUserID, d.UserId}, {headerExchange, d.Exchange},
	} {
		if f.value != "" {
			h[f.name] = f.value
		}
	}
	if d.Priority > 0 {
		h[headerPriority] = strconv.Itoa(int(d.Priority))
	}
	if d.Redelivered {
		h[headerAgain] = "true"
	}
	m := &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Time: d.Timestamp.UTC(), Headers: h, Body: hub.NewBody(d.Body), Expires: expires(d, now)}
	if d.Timestamp.IsZero() {
		m.Time = now
	}
	if c := h[headerCorrelation]; c != "" {
		m.Correlation = c
		delete(h, headerCorrelation)
	}
	return m, nil
}

var refusals = map[string]string{
	reasonTooLarge: fmt.Sprintf("the headers are deeper than %d or larger than %d bytes", maxDepth, maxHeaders),
	reasonBody:     "the body is larger than max_body",
}

// expires is when the message is worthless. Its time to live runs from its
// timestamp, unless the sender's clock is so far from ours that this can't be.
func expires(d *amqp.Delivery, now time.Time) time.Time {
	ms, err := strconv.ParseInt(d.Expiration, 10, 64)
	if err != nil || ms < 0 || ms > int64(100*365*24*time.Hour/time.Millisecond) {
		return time.Time{}
	}
	ttl := time.Duration(ms) * time.Millisecond
	if at := d.Timestamp.Add(ttl); !d.Timestamp.IsZero() && !d.Timestamp.After(now) && at.After(now) {
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
