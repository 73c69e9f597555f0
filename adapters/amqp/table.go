package amqp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// tablePrefix begins the name of a table entry whose own name means something else among the headers of a message, as that of a property does.
const tablePrefix = "amqp.header."

// tableHeaders converts a header table: to texts for the steps, beside which HeaderExact keeps what texts can't express.
func tableHeaders(t amqp.Table, carried bool) hub.Headers {
	h := make(hub.Headers, len(t)+4)
	if len(t) == 0 {
		return h
	}
	var all []broker.ExactHeader
	for _, name := range slices.Sorted(maps.Keys(t)) {
		shown := name
		switch lower := strings.ToLower(name); {
		case lower == broker.HeaderExact:
			continue
		case !carried && (property(&amqp.Publishing{}, lower) != nil || ownName(lower)):
			shown = tablePrefix + name
		}
		lower := strings.ToLower(shown)
		h[lower] = headerText(t[name])
		if !notSent(lower, false) && !steers(name) {
			all = append(all, exactHeader(shown, t[name]))
		}
	}
	if carried {
		if kept, _ := t[broker.HeaderExact].(string); kept != "" { // of the hub that sent it
			h[broker.HeaderExact] = kept
			return h
		}
	}
	return broker.KeepExact(h, all)
}

// ownName reports whether the name is one that tells how a message came.
func ownName(name string) bool {
	return name == hub.HeaderRoutingKey || strings.HasPrefix(name, "amqp.") && !strings.HasPrefix(name, tablePrefix)
}

// steers reports whether an entry makes RabbitMQ route the message once more (sender-selected distribution). In lower
// case such names are ordinary headers.
func steers(name string) bool { return name == "CC" || name == "BCC" }

// formAMQP is the form of headers that have a type of the protocol's own.
const formAMQP = "amqp"

// typed is a value with the letter by which the protocol names its type.
type typed struct {
	Type  string           `json:"t"`
	Value string           `json:"v,omitempty"`
	List  []typed          `json:"a,omitempty"`
	Table map[string]typed `json:"f,omitempty"`
}

const rawText = "S64" // the letter of a text that is no UTF-8; its value is base64

func exactHeader(name string, v any) broker.ExactHeader {
	switch v := v.(type) {
	case nil:
		return broker.ExactHeader{Name: name, Form: broker.FormNull}
	case string:
		if utf8.ValidString(v) {
			return broker.ExactHeader{Name: name, Form: broker.FormText, Value: v}
		}
	case []byte:
		return broker.ExactHeader{Name: name, Form: broker.FormBytes, Value: string(v)}
	}
	raw, _ := json.Marshal(typeOf(v)) // texts always can
	return broker.ExactHeader{Name: name, Form: formAMQP, Value: string(raw)}
}

// wireSize returns the number of bytes that a value takes in a table.
func wireSize(v any) (n int) {
	switch v := v.(type) {
	case string:
		return 5 + len(v)
	case []byte:
		return 5 + len(v)
	case []any:
		for _, e := range v {
			n += wireSize(e)
		}
		return 5 + n
	case amqp.Table:
		for name, e := range v {
			n += 1 + len(name) + wireSize(e)
		}
		return 5 + n
	}
	return 1 + sizes[typeOf(v).Type[0]]
}

// exactText returns the text of a header in one of our forms.
func exactText(e broker.ExactHeader) (string, bool) {
	v, ok := exactValue(e)
	return headerText(v), ok
}

// exactValue is the reverse of exactHeader.
func exactValue(e broker.ExactHeader) (any, bool) {
	switch e.Form {
	case broker.FormNull:
		return nil, true
	case broker.FormText:
		return e.Value, true
	case broker.FormBytes:
		return []byte(e.Value), true
	case formAMQP:
		var t typed
		if json.Unmarshal([]byte(e.Value), &t) == nil {
			return t.value(), true
		}
	}
	return nil, false
}

// scalars are the types of the protocol whose values Go's own text says, each by its letter with a value of its Go type.
var scalars = map[string]any{"t": false, "b": int8(0), "B": byte(0), "s": int16(0), "u": uint16(0), "I": int32(0), "i": uint32(0), "l": int64(0),
	"f": float32(0), "d": float64(0)}

func typeOf(v any) typed {
	for letter, zero := range scalars {
		if reflect.TypeOf(v) == reflect.TypeOf(zero) {
			return typed{Type: letter, Value: fmt.Sprint(v)}
		}
	}
	switch v := v.(type) {
	case amqp.Decimal:
		return typed{Type: "D", Value: fmt.Sprint(v.Scale, v.Value)}
	case time.Time:
		return typed{Type: "T", Value: strconv.FormatInt(v.Unix(), 10)}
	case string:
		if utf8.ValidString(v) {
			return typed{Type: "S", Value: v}
		}
		return typed{Type: rawText, Value: base64.StdEncoding.EncodeToString([]byte(v))}
	case []byte:
		return typed{Type: "x", Value: base64.StdEncoding.EncodeToString(v)}
	case []any:
		out := typed{Type: "A"}
		for _, e := range v {
			out.List = append(out.List, typeOf(e))
		}
		return out
	case amqp.Table:
		out := typed{Type: "F", Table: map[string]typed{}}
		for name, e := range v {
			out.Table[name] = typeOf(e)
		}
		return out
	}
	return typed{Type: "V"}
}

// value is the reverse of typeOf.
func (t typed) value() any {
	if zero, is := scalars[t.Type]; is {
		v := reflect.New(reflect.TypeOf(zero))
		_, _ = fmt.Sscan(t.Value, v.Interface())
		return v.Elem().Interface()
	}
	switch t.Type {
	case "D":
		var d amqp.Decimal
		_, _ = fmt.Sscan(t.Value, &d.Scale, &d.Value)
		return d
	case "T":
		seconds, _ := strconv.ParseInt(t.Value, 10, 64)
		return time.Unix(seconds, 0).UTC()
	case "S":
		return t.Value
	case rawText, "x":
		raw, _ := base64.StdEncoding.DecodeString(t.Value)
		if t.Type == "x" {
			return raw
		}
		return string(raw)
	case "A":
		out := []any{}
		for _, e := range t.List {
			out = append(out, e.value())
		}
		return out
	case "F":
		out := amqp.Table{}
		for name, e := range t.Table {
			out[name] = e.value()
		}
		return out
	}
	return nil
}

// headerText converts a value of a header table to text. Tables and lists become JSON.
func headerText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return textOf([]byte(v))
	case []byte:
		return textOf(v)
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

// textOf converts bytes to text: those that are no UTF-8 become base64.
func textOf(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// plain converts v to values that JSON has.
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
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(int64(d.Value)), unit).FloatString(int(d.Scale))
}
