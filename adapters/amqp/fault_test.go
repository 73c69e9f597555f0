package amqp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// A message whose acknowledgement was lost with the connection comes again, with the same ID.
func TestRedeliveryAfterCut(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	var got hubtest.Seen
	inside, release := make(chan struct{}, 8), make(chan struct{})
	hubtest.Feed(t, a.source("queue "+q, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		inside <- struct{}{}
		<-release
		return got.Handle(ctx, m)
	}))
	r.put("", q, amqp.Publishing{MessageId: "1"})
	<-inside
	p.Cut()
	close(release) // handled; the acknowledgement has no connection
	hubtest.Until(t, "it did not come again", func() bool { return got.Count("1") == 2 })
	if m := got.All()[1]; m.ID != "1" || m.Headers["amqp.redelivered"] != "true" {
		t.Errorf("%+v", m)
	}
	hubtest.Until(t, "it stayed in the queue", func() bool { return p.acks.Load() == 1 })
}

// A confirmation that is lost with the connection makes the send fail, so that the hub sends again.
func TestConfirmationLost(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	target := openAdapter(t, p.url, nil).target("queue " + q)
	r.ok(target.Send(background(t), message1("0", "{}")))
	p.Delay.Store(int64(300 * time.Millisecond))
	failed := make(chan error, 1)
	go func() { failed <- target.Send(background(t), message1("1", "{}")) }()
	hubtest.Until(t, "it was not sent", func() bool { return r.depth(q) == 2 })
	p.Cut()
	p.Delay.Store(0)
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonLost)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("1", "{}")) == nil })
	for i, want := range []string{"0", "1", "1"} {
		if d := r.get(q); d.MessageId != want {
			t.Errorf("message %d is %s, want %s", i, d.MessageId, want)
		}
	}
}

// A server that no longer answers is noticed by its heartbeats, and what waits for it is not stuck.
func TestStalledServer(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	target := a.target("queue " + q)
	r.ok(target.Send(background(t), message1("0", "{}")))
	p.Stall.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	hubtest.WantError(t, target.Send(ctx, message1("1", "{}")), hub.Timeout, "timeout") // its own time, not the heart-beat's
	err := target.Send(background(t), message1("2", "{}"))
	if e := hub.AsError(err); err == nil || e.Class != hub.Unavailable {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("a heartbeat of 2s was missed for %s", took)
	}
	p.Stall.Store(false)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("3", "{}")) == nil })
}

// rabbitmqctl close_all_connections ends everything at once; all goes on by itself.
func TestConnectionsClosedByServer(t *testing.T) {
	r := newRabbit(t)
	if _, err := exec.LookPath("rabbitmqctl"); err != nil || os.Getenv("HUB_TEST_SERVERS") != "1" {
		t.Skip("closes all connections of the server: set HUB_TEST_SERVERS=1")
	}
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	var got hubtest.Seen
	source := a.source("queue "+q, nil)
	failed := make(chan error, 1)
	go func() { failed <- source.Run(background(t), &got) }()
	target := a.target("queue " + q)
	r.ok(target.Send(background(t), message1("1", "{}")))
	got.First(t)
	ctl(t, "close_all_connections", "test")
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonLost, "queue "+q, "test")
	hubtest.Feed(t, source, &got)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("2", "{}")) == nil })
	hubtest.Until(t, "the source did not go on", func() bool { return got.Count("2") > 0 })
	var err error
	if r.conn, err = amqp.Dial(r.url); err != nil { // for the cleaning up
		t.Fatal(err)
	}
}

func TestQueueDeleted(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	source := a.source("queue "+q, nil)
	failed := make(chan error, 1)
	var got hubtest.Seen
	go func() { failed <- source.Run(background(t), &got) }()
	r.put("", q, amqp.Publishing{MessageId: "1"})
	got.First(t)
	_, err := r.ch.QueueDelete(q, false, false, false)
	r.ok(err)
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonTopology, "queue "+q)
	hubtest.Feed(t, source, &got) // declared anew
	hubtest.Until(t, "no queue", func() bool {
		_, err := r.channel().QueueDeclarePassive(q, true, false, false, false, nil)
		return err == nil
	})
	r.put("", q, amqp.Publishing{MessageId: "2"})
	hubtest.Until(t, "nothing came", func() bool { return got.Count("2") == 1 })
}

// 2,000 messages from queue to queue, while connections are cut, at once and within a frame, and are slow: none is lost.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	const total = 2000
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	for i := range total {
		r.put("", from, amqp.Publishing{MessageId: "m-" + strconv.Itoa(i), DeliveryMode: 2, Body: []byte(fmt.Sprintf(`{"n":%d,"pad":"%0200d"}`, i, i))})
	}
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	target := a.target("queue " + to)
	hubtest.Feed(t, a.source("queue "+from, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		return target.Send(ctx, message1(m.ID, string(m.Body.Bytes())))
	}))
	arrived, extra, cuts := map[string]bool{}, 0, 0
	began, healed := time.Now(), time.Time{}
	for len(arrived) < total && time.Since(began) < time.Minute {
		if d, ok, err := r.ch.Get(to, true); err == nil && ok {
			if arrived[d.MessageId] {
				extra++
			}
			arrived[d.MessageId] = true
			if len(arrived)%100 == 0 && cuts < 15 {
				cuts++
				switch cuts % 3 {
				case 0:
					p.Limit.Store(1 + rand.Int64N(40_000)) // the next connections end within a frame
				case 1:
					p.Delay.Store(int64(time.Millisecond))
				}
				p.Cut()
			}
			continue
		}
		if p.Limit.Load() > 0 && rand.IntN(40) == 0 {
			p.Limit.Store(0)
			p.Delay.Store(0)
			healed = time.Now()
		}
		time.Sleep(5 * time.Millisecond)
	}
	if len(arrived) != total {
		t.Fatalf("%d of %d arrived", len(arrived), total)
	}
	t.Logf("%d messages, %d cuts, %d twice, %s, drained %s after the last healing", total, cuts, extra, time.Since(began).Round(time.Millisecond), time.Since(healed).Round(time.Millisecond))
}

// Order per key under failures: a key that fails waits, with all of it that is behind, and no other does.
func TestOrderPerKey(t *testing.T) {
	t.Parallel()
	const keys, each = 100, 20
	r := newRabbit(t)
	q := r.queue("q", nil)
	for i := range each {
		for k := range keys {
			r.put("", q, amqp.Publishing{MessageId: fmt.Sprintf("%d-%d", k, i), Headers: amqp.Table{"sku": strconv.Itoa(k)}, Body: []byte(strconv.Itoa(i))})
		}
	}
	var mu sync.Mutex
	next, busy, inversions, tries := map[string]int{}, map[string]bool{}, 0, map[string]int{}
	var done atomic.Int64
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) { c.Key = "sku" }), hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
		mu.Lock()
		if busy[m.Key] {
			t.Errorf("two of key %s at a time", m.Key)
		}
		busy[m.Key] = true
		tries[m.ID]++
		first := tries[m.ID] == 1
		mu.Unlock()
		time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		busy[m.Key] = false
		if first && rand.IntN(20) == 0 {
			return hub.Fail(hub.Unavailable, "test", "5 %%")
		}
		n, _ := strconv.Atoi(string(m.Body.Bytes()))
		if n > next[m.Key] {
			inversions++
		}
		if n == next[m.Key] { // a redelivered one has had its effect
			next[m.Key]++
			if done.Add(1)%500 == 0 {
				p.Cut()
			}
		}
		return nil
	}))
	hubtest.Until(t, "not all came", func() bool { return done.Load() == keys*each })
	if inversions > 0 {
		t.Errorf("%d inversions", inversions)
	}
}

func TestBlockedKeyDelaysNoOther(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	got := &hubtest.Seen{Err: func(m *hub.Message, n int) error {
		if m.ID == "b0" && n < 4 {
			return hub.Fail(hub.Unavailable, "test", "not now")
		}
		return nil
	}}
	for i := range 20 {
		r.put("", q, amqp.Publishing{MessageId: "b" + strconv.Itoa(i), CorrelationId: "blocked"})
	}
	for i := range 20 {
		r.put("", q, amqp.Publishing{MessageId: "o" + strconv.Itoa(i), CorrelationId: "other" + strconv.Itoa(i%3)})
	}
	hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) { c.Key, c.Workers = "correlation-id", 2 }), got)
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 40 })
	for i, m := range got.All()[:20] {
		if m.Key == "blocked" {
			t.Errorf("message %d is of the blocked key", i)
		}
	}
	for i, m := range got.All()[20:] {
		if m.ID != "b"+strconv.Itoa(i) {
			t.Errorf("%s at place %d of its key", m.ID, i)
		}
	}
}

// What fails for a time and has no key goes back; what is refused goes to the dead letter exchange; what is a bug of ours is not lost.
func TestSettling(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	dead := r.queue("dead", nil)
	args := map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
	q := r.drop("q")
	got := &hubtest.Seen{Err: func(m *hub.Message, n int) error {
		switch {
		case m.ID == "invalid":
			return hub.Fail(hub.Invalid, "schema", "no")
		case m.ID == "rejected":
			return hub.Fail(hub.Rejected, "no", "no")
		case m.ID == "bug" && n < 3:
			return errors.New("disk on fire")
		}
		return nil
	}}
	hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) { c.Arguments = args }), got)
	target := a.target("queue " + q) // as its reader declares it
	for _, id := range []string{"invalid", "rejected", "bug", "good"} {
		r.ok(target.Send(background(t), message1(id, "{}")))
	}
	ids := map[string]bool{r.get(dead).MessageId: true, r.get(dead).MessageId: true}
	if !ids["invalid"] || !ids["rejected"] {
		t.Errorf("dead letters %v", ids)
	}
	hubtest.Until(t, "not all were handled", func() bool { return len(got.All()) == 2 && got.Count("bug") == 3 })
}

func TestNoMessageID(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	var got hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, nil), &got)
	for range 3 {
		r.put("", q, amqp.Publishing{})
	}
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 3 })
	if m := got.All(); m[0].ID == "" || m[0].ID == m[1].ID {
		t.Errorf("IDs %s, %s", m[0].ID, m[1].ID)
	}
}
