package stomp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
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
	hubtest.Feed(t, a.source("/queue/"+q, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		inside <- struct{}{}
		<-release
		return got.Handle(ctx, m)
	}))
	r.put(q, amqp.Publishing{MessageId: "1"})
	<-inside
	p.Cut()
	close(release) // handled; the acknowledgement has no connection
	hubtest.Until(t, "it did not come again", func() bool { return got.Count("1") == 2 })
	if m := got.All()[1]; m.ID != "1" || m.Headers[headerAgain] != "true" {
		t.Errorf("%+v", m)
	}
	hubtest.Until(t, "it stayed in the queue", func() bool { return p.acks.Load() == 1 })
}

// A receipt that is lost with the connection makes the send fail, so that the hub sends again.
func TestReceiptLost(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	target := openAdapter(t, p.url, nil).target("/queue/" + q)
	r.ok(target.Send(background(t), message1("0", "{}")))
	p.Delay.Store(int64(300 * time.Millisecond))
	failed := make(chan error, 1)
	go func() { failed <- target.Send(background(t), message1("1", "{}")) }()
	hubtest.Until(t, "it was not sent", func() bool { return r.depth(q) == 2 })
	p.Cut()
	p.Delay.Store(0)
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonLost, "not confirmed")
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("1", "{}")) == nil })
	for i, want := range []string{"0", "1", "1"} {
		if d := r.get(q); d.MessageId != want {
			t.Errorf("message %d is %s, want %s", i, d.MessageId, want)
		}
	}
}

// A server that no longer answers is noticed by its heart-beats, and what waits for it is not stuck; nor is Close.
func TestStalledServer(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	target := a.target("/queue/" + q)
	r.ok(target.Send(background(t), message1("0", "{}")))
	p.Stall.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	hubtest.WantError(t, target.Send(ctx, message1("1", "{}")), hub.Timeout, "timeout") // its own time, not the heart-beat's
	hubtest.WantError(t, target.Send(background(t), message1("2", "{}")), hub.Unavailable, reasonProtocol, "no heart-beat")
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("heart-beats of 2s were missed for %s", took)
	}
	p.Stall.Store(false)
	hubtest.Until(t, "sends did not go on", func() bool { return target.Send(background(t), message1("3", "{}")) == nil })
	p.Stall.Store(true)
	began = time.Now()
	r.ok(target.Close())
	if took := time.Since(began); took > leaving+3*time.Second {
		t.Errorf("Close took %s", took)
	}
	p.Stall.Store(false)
}

// A connection that is lost again and again as soon as it is there: what waits was not tried, and is no bug of ours.
func TestFlappingServer(t *testing.T) {
	t.Parallel()
	s := newFake(t, func(conn *fakeConn, f *frame) bool {
		if f.command == cmdSend {
			conn.raw("ERROR\nmessage:Processing error\n\nno luck today\x00")
			return true
		}
		return false
	})
	target := openAdapter(t, s.url, func(c *Config) { c.Reconnect = broker.Reconnect{Min: time.Minute, Max: time.Minute} }).target("/queue/a")
	var waits *hub.Error
	for range 4 {
		e := hub.AsError(target.Send(background(t), message1("1", "{}")))
		if e.Class != hub.Unavailable || !strings.Contains(e.Error(), "no luck today") {
			t.Fatalf("%s %s: %v", e.Class, e.Reason, e)
		}
		if e.Reason == hub.NotConnected {
			waits = e
		}
	}
	if waits == nil || waits.After == 0 {
		t.Errorf("no pause: %d connections", s.connections())
	}
}

// A clean stop leaves nothing behind: what was handled is acknowledged, what was not begun is in the queue.
func TestCleanStop(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	for i := range 50 {
		r.put(q, amqp.Publishing{MessageId: strconv.Itoa(i)})
	}
	a := openAdapter(t, r.url, nil)
	inside, release := make(chan struct{}, 50), make(chan struct{})
	var got hubtest.Seen
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- a.source("/queue/"+q, func(c *SourceConfig) { c.Workers, c.Prefetch = 4, 20 }).Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
			inside <- struct{}{}
			<-release
			return got.Handle(ctx, m)
		}))
	}()
	for range 4 {
		<-inside
	}
	cancel()
	time.Sleep(50 * time.Millisecond)
	close(release)
	r.ok(<-done)
	if n := len(got.All()); n != 4 {
		t.Errorf("%d were handled, want the 4 that were begun", n)
	}
	hubtest.Until(t, "messages are missing", func() bool { return r.depth(q) == 46 })
	if strings.Contains(a.log.String(), "level=ERROR") {
		t.Error(a.log)
	}
}

func TestQueueDeleted(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	source := a.source("/queue/"+q, nil)
	failed := make(chan error, 1)
	var got hubtest.Seen
	go func() { failed <- source.Run(background(t), &got) }()
	r.put(q, amqp.Publishing{MessageId: "1"})
	got.First(t)
	_, err := r.ch.QueueDelete(q, false, false, false)
	r.ok(err)
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonTopology, "/queue/"+q, "canceled")
	hubtest.Feed(t, source, &got) // declared anew
	hubtest.Until(t, "no queue", func() bool { return r.depth(q) >= 0 })
	r.put(q, amqp.Publishing{MessageId: "2"})
	hubtest.Until(t, "nothing came", func() bool { return got.Count("2") == 1 })
}

// 2,000 messages from queue to queue, while connections are cut, at once and within a frame, and are slow: none is lost.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	const total = 2000
	r := newRabbit(t)
	from, to := r.queue("from", nil), r.queue("to", nil)
	for i := range total {
		r.put(from, amqp.Publishing{MessageId: "m-" + strconv.Itoa(i), DeliveryMode: 2, Body: fmt.Appendf(nil, `{"n":%d,"pad":"%0200d"}`, i, i)})
	}
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	target := a.target("/queue/" + to)
	hubtest.Feed(t, a.source("/queue/"+from, nil), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		return target.Send(ctx, message1(m.ID, string(m.Body.Bytes())))
	}))
	arrived, extra, cuts := map[string]bool{}, 0, 0
	began, healed := time.Now(), time.Time{}
	for len(arrived) < total && time.Since(began) < time.Minute {
		if d, ok, err := r.ch.Get(to, true); err == nil && ok {
			if arrived[d.MessageId] {
				extra++
			}
			if n, _ := strconv.Atoi(strings.TrimPrefix(d.MessageId, "m-")); string(d.Body) != fmt.Sprintf(`{"n":%d,"pad":"%0200d"}`, n, n) {
				t.Fatalf("%s has the body %s", d.MessageId, d.Body)
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

// Order per key under failures: a key that fails waits, with all of it that is behind, and no other does. The queue has one reader
// at a time: else RabbitMQ may give later messages to a new connection before it has taken back what the lost one had.
func TestOrderPerKey(t *testing.T) {
	t.Parallel()
	const keys, each = 100, 20
	r := newRabbit(t)
	q := r.queue("q", amqp.Table{"x-single-active-consumer": true})
	for i := range each {
		for k := range keys {
			r.put(q, amqp.Publishing{MessageId: fmt.Sprintf("%d-%d", k, i), Headers: amqp.Table{"sku": strconv.Itoa(k)}, Body: []byte(strconv.Itoa(i))})
		}
	}
	var mu sync.Mutex
	next, busy, tries := map[string]int{}, map[string]bool{}, map[string]int{}
	var done atomic.Int64
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	hubtest.Feed(t, a.source("/amq/queue/"+q, func(c *SourceConfig) { c.Key = "sku" }), hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
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
			t.Errorf("%s came before %d", m.ID, next[m.Key])
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
		r.put(q, amqp.Publishing{MessageId: "b" + strconv.Itoa(i), CorrelationId: "blocked"})
	}
	for i := range 20 {
		r.put(q, amqp.Publishing{MessageId: "o" + strconv.Itoa(i), CorrelationId: "other" + strconv.Itoa(i%3)})
	}
	hubtest.Feed(t, a.source("/queue/"+q, func(c *SourceConfig) { c.Key, c.Workers = "correlation-id", 2 }), got)
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
	args := map[string]string{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
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
	hubtest.Feed(t, a.source("/queue/"+q, func(c *SourceConfig) { c.Arguments = args }), got)
	target := a.target("/queue/" + q) // as its reader declares it
	for _, id := range []string{"invalid", "rejected", "bug", "good"} {
		r.ok(target.Send(background(t), message1(id, "{}")))
	}
	ids := map[string]bool{r.get(dead).MessageId: true, r.get(dead).MessageId: true}
	if !ids["invalid"] || !ids["rejected"] {
		t.Errorf("dead letters %v", ids)
	}
	hubtest.Until(t, "not all were handled", func() bool { return len(got.All()) == 2 && got.Count("bug") == 3 })
}

// Row 45.
func TestRedeliveryStorm(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	dead := r.queue("dead", nil)
	q := r.queue("q", amqp.Table{"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	got := &hubtest.Seen{Err: func(m *hub.Message, n int) error { return hub.Fail(hub.Unavailable, "test", "never") }}
	hubtest.Feed(t, a.source("/amq/queue/"+q, func(c *SourceConfig) { c.MaxDeliveries = 2 }), got)
	r.put(q, amqp.Publishing{MessageId: "poison"})
	if d := r.get(dead); d.MessageId != "poison" || got.Count("poison") != 3 {
		t.Errorf("%q was dead-lettered after %d tries", d.MessageId, got.Count("poison"))
	}
	if !strings.Contains(a.log.String(), "event=poison") {
		t.Error(a.log)
	}
}

// The server hands over no more than the prefetch, and lanes that are full hold nothing back that is theirs.
func TestPrefetch(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	for i := range 30 {
		r.put(q, amqp.Publishing{MessageId: strconv.Itoa(i)})
	}
	release := make(chan struct{})
	var got hubtest.Seen
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, func(c *SourceConfig) { c.Prefetch, c.Workers = 5, 2 }), hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		<-release
		return got.Handle(ctx, m)
	}))
	hubtest.Until(t, "not the prefetch is out", func() bool { return r.depth(q) == 25 })
	time.Sleep(50 * time.Millisecond)
	if n := r.depth(q); n != 25 {
		t.Errorf("%d left", n)
	}
	close(release)
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 30 })
}

// A server that hands over more than was asked for is read no faster than its messages are handled.
func TestServerIgnoresPrefetch(t *testing.T) {
	t.Parallel()
	const total = 150
	var written atomic.Int64
	s := newFake(t, func(conn *fakeConn, f *frame) bool {
		if f.command != cmdSubscribe {
			return false
		}
		go func() {
			for i := range total {
				conn.deliver([]byte(strings.Repeat("x", 100_000)), header{headerID, strconv.Itoa(i)})
				written.Add(1)
			}
		}()
		return true
	})
	release := make(chan struct{})
	var inside atomic.Int64
	var got hubtest.Seen
	source := openAdapter(t, s.url, nil).source("/queue/a", func(c *SourceConfig) { c.Prefetch, c.Workers = 8, 2 }).(*Source)
	hubtest.Feed(t, source, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		inside.Add(1)
		<-release
		return got.Handle(ctx, m)
	}))
	hubtest.Until(t, "nothing came", func() bool { return inside.Load() == 2 })
	for before := int64(-1); before != written.Load(); time.Sleep(500 * time.Millisecond) { // until the buffers between are full
		before = written.Load()
	}
	if n := written.Load(); n > total-20 {
		t.Errorf("%d of %d were read, 2 are handled", n, total)
	}
	close(release)
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == total && len(s.got(cmdAck)) == total })
}

func TestNoMessageID(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	var got hubtest.Seen
	hubtest.Feed(t, a.source("/queue/"+q, nil), &got)
	for range 3 {
		r.put(q, amqp.Publishing{})
	}
	hubtest.Until(t, "not all came", func() bool { return len(got.All()) == 3 })
	if m := got.All(); m[0].ID == "" || m[0].ID == m[1].ID {
		t.Errorf("IDs %s, %s", m[0].ID, m[1].ID)
	}
	if n := strings.Count(a.log.String(), "event=no_message_id"); n != 1 {
		t.Errorf("%d log lines", n)
	}
}

// A source that is stopped and run again while messages flow loses none, and begins none after its stop.
func TestStopsUnderFlow(t *testing.T) {
	t.Parallel()
	const total = 1500
	r := newRabbit(t)
	q := r.queue("q", nil)
	for i := range total {
		r.put(q, amqp.Publishing{MessageId: strconv.Itoa(i)})
	}
	source := openAdapter(t, r.url, nil).source("/queue/"+q, nil)
	var got hubtest.Seen
	for len(got.All()) < total {
		ctx, cancel := context.WithCancel(background(t))
		at := int64(20 + rand.IntN(150))
		var n atomic.Int64
		var stopped atomic.Bool
		err := source.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
			if stopped.Load() {
				t.Error("a message was begun after Run returned")
			}
			if n.Add(1) == at || len(got.All()) > total-30 {
				cancel()
			}
			return got.Handle(ctx, m)
		}))
		stopped.Store(true)
		cancel()
		r.ok(err)
	}
	if n := len(got.All()); n != total {
		t.Errorf("%d came, of %d: what was acknowledged came again", n, total)
	}
	hubtest.Until(t, "messages are left", func() bool { return r.depth(q) == 0 })
}
