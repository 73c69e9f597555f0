package amqp

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// Row 43: no dead letter for a wrong password or a server that isn't there, and no password in the text.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	url := needRabbit(t)
	uri, _ := amqp.ParseURI(url)
	host := strings.SplitN(strings.SplitN(url, "@", 2)[1], "/", 2)[0]
	for name, url := range map[string]string{
		"password": "amqp://" + uri.Username + ":swordfish@" + host + "/",
		"vhost":    "amqp://" + uri.Username + ":" + uri.Password + "@" + host + "/nowhere.swordfish",
		"tls":      "amqps://" + uri.Username + ":swordfish@" + host + "/",
		"nobody":   "amqp://guest:swordfish@127.0.0.1:1/",
	} {
		t.Run(name, func(t *testing.T) {
			a := openAdapter(t, url, nil)
			err := a.target("queue x").Send(background(t), message1("1", "{}"))
			hubtest.WantError(t, err, hub.Unavailable, hub.NotConnected, "no connection to")
			if strings.Contains(err.Error(), "swordfish") && name != "vhost" {
				t.Errorf("the secret is in %q", err)
			}
			err = a.source("queue x", nil).Run(background(t), &hubtest.Seen{})
			hubtest.WantError(t, err, hub.Unavailable, hub.NotConnected)
		})
	}
}

// Row 44.
func TestUnroutable(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	x := r.exchange("x", direct)
	target := a.target("exchange " + x)
	hubtest.WantError(t, target.Send(background(t), message1("1", "{}")), hub.Rejected, "unroutable", "exchange "+x)
	q := r.queue("q", nil)
	r.ok(r.ch.QueueBind(q, "red", x, false, nil))
	m := message1("2", "{}")
	r.ok(target.Send(background(t), m.WithHeader("routing_key", "red")))
	r.ok(target.Send(background(t), m.WithHeader(hub.HeaderRoutingKey, "red")))
	hubtest.WantError(t, target.Send(background(t), m.WithHeader("routing_key", "blue")), hub.Rejected, "unroutable")
	d := r.get(q)
	if _, sent := d.Headers["routing_key"]; sent || d.DeliveryMode != amqp.Persistent || d.MessageId != "2" {
		t.Errorf("%+v", d)
	}
}

// A message that the server confirms with a no (basic.nack) is not sent.
func TestNacked(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	target := openAdapter(t, r.url, nil).target("queue " + q)
	r.ok(target.Send(background(t), message1("1", "{}")))
	hubtest.WantError(t, target.Send(background(t), message1("2", "{}")), hub.Unavailable, "nacked")
	if d := r.get(q); d.MessageId != "1" {
		t.Errorf("%+v", d)
	}
	r.ok(target.Send(background(t), message1("2", "{}")))
}

func TestMissingExchange(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	good := a.target("queue " + r.drop("good"))
	r.ok(good.Send(background(t), message1("1", "{}")))
	sess, _ := a.out.Get(background(t))

	x := r.exchange("x", "")
	target := a.target("exchange " + x)
	e := hubtest.WantError(t, target.Send(background(t), message1("1", "{}")), hub.Unavailable, reasonTopology, "exchange "+x+": not there")
	if strings.Count(e.Error(), x) != 2 { // ours and the server's
		t.Errorf("%q names it more than once", e)
	}
	r.exchange("x", fanout)
	hubtest.Until(t, "the channel was not opened again", func() bool {
		return hub.AsError(target.Send(background(t), message1("2", "{}"))).Reason == "unroutable"
	})
	r.ok(r.ch.ExchangeDelete(x, false, false)) // under an open channel
	hubtest.WantError(t, target.Send(background(t), message1("3", "{}")), hub.Unavailable, reasonTopology)

	r.ok(good.Send(background(t), message1("2", "{}")))
	if again, _ := a.out.Get(background(t)); again != sess {
		t.Error("the fault of one exchange cost the connection")
	}
}

func TestOtherArguments(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	q := r.queue("q", amqp.Table{"x-queue-type": "quorum"})
	err := a.source("queue "+q, nil).Run(background(t), &hubtest.Seen{})
	hubtest.WantError(t, err, hub.Unavailable, reasonTopology, "queue "+q+": declared with other arguments", "received none", "quorum")
	if strings.Contains(err.Error(), "PRECONDITION") {
		t.Error(err)
	}
	missing := a.source("queue "+r.drop("bound"), func(c *SourceConfig) { c.Bind = []Bind{{Exchange: r.name + ".none"}} })
	hubtest.WantError(t, missing.Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonTopology, "exchange "+r.name+".none: not there")
	hubtest.WantError(t, openAdapter(t, r.url, func(c *Config) { c.CheckOnly = true }).source("queue "+r.name+".no", nil).Run(background(t), &hubtest.Seen{}),
		hub.Unavailable, reasonTopology, "not there")
}

// Row 45.
func TestRedeliveryStorm(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	dead := r.queue("dead", nil)
	q := r.queue("q", amqp.Table{"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	got := &hubtest.Seen{Err: func(m *hub.Message, n int) error {
		if m.ID == "poison" {
			return hub.Fail(hub.Unavailable, "test", "never")
		}
		return nil
	}}
	hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) {
		c.QueueType, c.MaxDeliveries = quorum, 2
		c.Arguments = map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
	}), got)
	r.put("", q, amqp.Publishing{MessageId: "old", Headers: amqp.Table{"x-death": []any{amqp.Table{"count": int64(1000), "queue": q, "reason": "rejected"}}}})
	if m := got.First(t); !strings.Contains(m.Headers["x-death"], `"count":1000`) {
		t.Errorf("headers %v", m.Headers)
	}
	r.put("", q, amqp.Publishing{MessageId: "poison"})
	if d := r.get(dead); d.MessageId != "poison" || got.Count("poison") != 3 {
		t.Errorf("%q was dead-lettered after %d tries", d.MessageId, got.Count("poison"))
	}
	if !strings.Contains(a.log.String(), "event=poison") {
		t.Error(a.log)
	}
}

// Row 46. The protocol library gives the connection up over a table that is 33 deep, or has 9,000 entries: such a message, which
// comes again and again, would stop its queue for ever.
func TestHeaderTooLarge(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	dead := r.queue("dead", nil)
	q := r.queue("q", amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	var got hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) {
		c.Arguments = map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
	}), &got)
	nested := func(depth int) amqp.Table {
		out := amqp.Table{}
		for range depth - 1 {
			out = amqp.Table{"t": out}
		}
		return out
	}
	r.put("", q, amqp.Publishing{MessageId: "deep", Headers: nested(1000), Body: []byte("x")})
	r.put("", q, amqp.Publishing{MessageId: "nine", Headers: nested(9), Body: []byte("x")})
	r.put("", q, amqp.Publishing{MessageId: "wide", Headers: amqp.Table{"l": make([]any, 9000)}, Body: []byte("x")})
	r.put("", q, amqp.Publishing{MessageId: "large", Headers: amqp.Table{"l": strings.Repeat("x", 100<<10)}, Body: []byte("x"), ContentType: "text/plain"})
	r.put("", q, amqp.Publishing{MessageId: "good", Headers: nested(8), Body: []byte("good")})
	r.put("", q, amqp.Publishing{MessageId: "big", Headers: amqp.Table{"l": strings.Repeat("x", 60<<10)}, Body: []byte("x")})
	sess, _ := a.in.Get(background(t))
	hubtest.Until(t, "the good ones did not come", func() bool { return len(got.All()) == 2 })
	var letters []string // in any order: without keys they are handled side by side
	for range 4 {
		d := r.get(dead)
		if letters = append(letters, d.MessageId); string(d.Body) != "x" {
			t.Errorf("dead letter %s is %q", d.MessageId, d.Body)
		}
	}
	if slices.Sort(letters); !slices.Equal(letters, []string{"deep", "large", "nine", "wide"}) {
		t.Errorf("dead letters %q", letters)
	}
	if !slices.ContainsFunc(got.All(), func(m *hub.Message) bool { return m.ID == "good" && string(m.Body.Bytes()) == "good" }) {
		t.Errorf("%+v", got.All())
	}
	if again, _ := a.in.Get(background(t)); again != sess {
		t.Error("the connection was lost")
	}
	if n := strings.Count(a.log.String(), "event=header_too_large"); n != 4 {
		t.Errorf("%d log lines", n)
	}

	target := a.target("queue " + dead)
	m := message1("out", "{}").WithHeader("x", strings.Repeat("x", 10<<20))
	hubtest.WantError(t, target.Send(background(t), m), hub.Invalid, reasonTooLarge)
	hubtest.WantError(t, target.Send(background(t), message1(strings.Repeat("i", 300), "")), hub.Invalid, reasonTooLarge)
	r.ok(target.Send(background(t), message1("after", "{}")))
}

func TestBodyTooLarge(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, func(c *Config) { c.MaxBody = 1 << 20 })
	q := r.queue("q", nil)
	var got hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, nil), &got)
	r.put("", q, amqp.Publishing{MessageId: "large", Headers: amqp.Table{"a": "b"}, Body: make([]byte, 3<<20)})
	r.put("", q, amqp.Publishing{MessageId: "edge", Headers: amqp.Table{"a": "b"}, Body: make([]byte, 1<<20)})
	if m := got.First(t); m.ID != "edge" || m.Body.Len() != 1<<20 || m.Headers["a"] != "b" {
		t.Errorf("%s, %d bytes", m.ID, m.Body.Len())
	}
	hubtest.Until(t, "no log line", func() bool { return strings.Contains(a.log.String(), "event=body_too_large") })
	hubtest.WantError(t, a.target("queue "+q).Send(background(t), message1("1", strings.Repeat("x", 2<<20))), hub.Invalid, reasonBody)
}

// Row 47. The memory alarm is the whole server's, so the test runs only where the server is ours.
func TestMemoryAlarm(t *testing.T) {
	if os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("raises the server's memory alarm: set HUB_TEST_SERVERS=1")
	}
	r := newRabbit(t)
	a := openAdapter(t, r.url, func(c *Config) { c.ConfirmTimeout = 5 * time.Minute }) // rabbitmqctl takes its time on a busy machine
	out, in := r.drop("out"), r.queue("in", nil)
	target := a.target("queue " + out)
	r.ok(target.Send(background(t), message1("before", "{}")))
	var got hubtest.Seen
	hubtest.Feed(t, a.source("queue "+in, nil), &got)
	for i := range 300 { // more than the prefetch: they come only if acknowledgements get through
		r.put("", in, amqp.Publishing{MessageId: hub.DeriveID("m", string(rune('a'+i)))})
	}
	watermark(t, "0.0001")
	heal := sync.OnceFunc(func() { watermark(t, "0.4") })
	defer heal()
	sent := make(chan error, 1) // the one that finds out is on its way, and waits
	go func() { sent <- target.Send(background(t), message1("first", "{}")) }()
	hubtest.Until(t, "blocked was not noticed", func() bool {
		s, _ := a.out.Get(background(t))
		return s.refuse() != nil
	})
	for range 3 {
		e := hubtest.WantError(t, target.Send(background(t), message1("second", "{}")), hub.Throttled, reasonBlocked)
		if e.After == 0 {
			t.Error("no pause")
		}
	}
	hubtest.Until(t, "acknowledgements are held up", func() bool { return len(got.All()) == 300 })
	heal()
	r.ok(<-sent)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("second", "{}")) == nil })
	if log := a.log.String(); strings.Count(log, "event=blocked") != 1 || strings.Count(log, "event=unblocked") != 1 {
		t.Error(log)
	}
	if n := r.depth(out); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

func watermark(t *testing.T, fraction string) {
	t.Helper()
	ctl(t, "set_vm_memory_high_watermark", fraction)
}

func ctl(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "rabbitmqctl", args...).CombinedOutput(); err != nil {
		t.Fatalf("rabbitmqctl %v: %v\n%s", args, err, out)
	}
}

// Row 49: the value comes as it is; who sends it on by HTTP or mail refuses it.
func TestLineEndsInHeader(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	q := r.queue("q", nil)
	var got hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, nil), &got)
	m := message1("1", "{}").WithHeader("x-a", "a\r\nSet-Cookie: b")
	r.ok(a.target("queue "+q).Send(background(t), m))
	if v := got.First(t).Headers["x-a"]; v != "a\r\nSet-Cookie: b" {
		t.Errorf("%q", v)
	}
}
