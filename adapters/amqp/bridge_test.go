package amqp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// bridge runs a queue's messages to a place, by the store's form of each when stored.
func bridge(t *testing.T, r *rabbit, from, to string, change func(*hub.Message) *hub.Message) {
	t.Helper()
	in, out := openAdapter(t, r.url, nil), openAdapter(t, r.url, nil)
	target := out.target(to)
	hubtest.Feed(t, in.source("queue "+from, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		if change != nil {
			m = change(m)
		}
		return target.Send(ctx, m)
	}))
}

// value is a random value of a header table.
func value(r *rand.Rand, depth int) any {
	text := func() string {
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return string(b)
	}
	n := 16
	if depth > 3 {
		n = 14
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int8(r.IntN(256) - 128)
	case 3:
		return byte(r.IntN(256))
	case 4:
		return int16(r.IntN(1<<16) - 1<<15)
	case 5:
		return int32(r.Uint32())
	case 6:
		return int64(r.Uint64())
	case 7:
		return math.Float32frombits(r.Uint32() &^ (1 << 30)) // no NaN, which is not equal to itself
	case 8:
		return r.NormFloat64()
	case 9:
		return amqp.Decimal{Scale: uint8(r.IntN(9)), Value: int32(r.Uint32())}
	case 10:
		return time.Unix(int64(r.IntN(1<<31)), 0)
	case 11:
		return []byte(text())
	case 12:
		return text()
	case 13:
		return strings.ToValidUTF8(text(), "ü")
	case 14:
		var list []any
		for range r.IntN(4) {
			list = append(list, value(r, depth+1))
		}
		return list
	}
	table := amqp.Table{}
	for range r.IntN(4) {
		table[fmt.Sprintf("%c%d", "aAé"[r.IntN(2)], r.IntN(100))] = value(r, depth+1)
	}
	return table
}

// A bridge from queue to queue changes nothing that it is not told to change: type for type, byte for byte, whatever the headers.
func TestFault_B7_BridgeOfRandomHeaders(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	bridge(t, r, from, "queue "+to, nil)
	random := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	names := []string{"a", "A", "Region", "x-own", "content-type", "Content-Type", "reply-to", "routing-key", "amqp.type", "n1", "n2", "n3", "Ünïcode", "status"}
	for i := range 300 {
		table := amqp.Table{}
		for range random.IntN(8) {
			table[names[random.IntN(len(names))]] = value(random, 0)
		}
		body := make([]byte, random.IntN(20))
		for j := range body {
			body[j] = byte(random.IntN(256))
		}
		sent := amqp.Publishing{MessageId: fmt.Sprint("m", i), CorrelationId: "c", ContentType: "application/x-own", ContentEncoding: "gzip", Type: "order", AppId: "shop", Priority: uint8(random.IntN(10)),
			ReplyTo: "answers", DeliveryMode: amqp.Persistent, Timestamp: time.Unix(int64(1_700_000_000+i), 0), Headers: table, Body: body}
		r.put("", from, sent)
		d := r.get(to)
		if len(table) == 0 && len(d.Headers) == 0 {
			d.Headers = table
		}
		got := amqp.Publishing{MessageId: d.MessageId, CorrelationId: d.CorrelationId, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Type: d.Type, AppId: d.AppId, Priority: d.Priority,
			ReplyTo: d.ReplyTo, DeliveryMode: d.DeliveryMode, Timestamp: d.Timestamp, Headers: d.Headers, Body: d.Body}
		if !reflect.DeepEqual(got, sent) {
			t.Fatalf("got  %#v\nwant %#v", got, sent)
		}
	}
}

// What a step changes is changed, and nothing else; over a channel the same.
func TestFault_B7_ChangedHeaders(t *testing.T) {
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	bridge(t, r, from, "queue "+to, func(m *hub.Message) *hub.Message {
		return m.WithHeader("n", "6").WithHeader("gone", "").WithHeader("more", "x")
	})
	r.put("", from, amqp.Publishing{MessageId: "m", Headers: amqp.Table{"n": int32(5), "Gone": []byte{0, 255}, "Kept": int16(7), "empty": "", "void": nil}})
	if d := r.get(to); !reflect.DeepEqual(d.Headers, amqp.Table{"n": "6", "Kept": int16(7), "empty": "", "void": nil, "more": "x"}) {
		t.Errorf("%#v", d.Headers)
	}
}

// Types survive a channel between two hubs.
func TestFault_B7_HeadersOverAChannel(t *testing.T) {
	r := newRabbit(t)
	from, channel, to := r.queue("from", nil), r.drop("channel"), r.queue("to", nil)
	first, second := openAdapter(t, r.url, nil), openAdapter(t, r.url, nil)
	carry, err := first.CarryTarget(hub.Carried{Name: channel, Type: "direct"})
	r.ok(err)
	t.Cleanup(func() { carry.Close() })
	hubtest.Feed(t, first.source("queue "+from, nil), hub.HandlerFunc(carry.Send))
	read, err := second.CarrySource(hub.Carried{Name: channel, Type: "direct"}, hub.Subscription{})
	r.ok(err)
	hubtest.Feed(t, read, hub.HandlerFunc(second.target("queue "+to).Send))
	table := amqp.Table{"Big": int64(math.MaxInt64), "t": amqp.Table{"x": []byte{255}}, "empty": "", "void": nil, "plain": "text", "Content-Type": "own"}
	r.put("", from, amqp.Publishing{MessageId: "m", ContentType: "text/plain", Headers: table})
	if d := r.get(to); !reflect.DeepEqual(d.Headers, table) || d.ContentType != "text/plain" {
		t.Errorf("%#v", d.Headers)
	}
}

// A message's time to live goes on, less what it spent on the way.
func TestFault_B4_ExpirationOverABridge(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	bridge(t, r, from, "queue "+to, func(m *hub.Message) *hub.Message {
		time.Sleep(1100 * time.Millisecond) // on the way
		return m
	})
	r.put("", from, amqp.Publishing{MessageId: "m", Expiration: "60000"})
	d := r.get(to)
	var left int
	if _, err := fmt.Sscan(d.Expiration, &left); err != nil || left > 59_000 || left < 50_000 {
		t.Errorf("expiration %q of 60000 after 1.1 s", d.Expiration)
	}
}
