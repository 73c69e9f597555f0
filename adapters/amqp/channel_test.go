package amqp

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// carried names a channel that is deleted with the test, and the queues of its readers.
func (r *rabbit) carried(kind string, readers ...string) hub.Carried {
	if kind == direct {
		return hub.Carried{Name: r.drop(kind), Type: kind}
	}
	for _, reader := range readers {
		r.drop(kind + ">" + reader)
	}
	return hub.Carried{Name: r.exchange(kind, ""), Type: kind}
}

func (o *opened) carrySource(c hub.Carried, s hub.Subscription) hub.Source {
	o.t.Helper()
	src, err := o.CarrySource(c, s)
	if err != nil {
		o.t.Fatal(err)
	}
	return src
}

func (o *opened) carryTarget(c hub.Carried) hub.Target {
	o.t.Helper()
	target, err := o.CarryTarget(c)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { target.Close() })
	return target
}

func (o *opened) carryCaller(c hub.Carried) hub.Caller {
	o.t.Helper()
	caller, err := o.CarryCaller(c)
	if err != nil {
		o.t.Fatal(err)
	}
	return caller
}

// reader is a subscription of the hub "h".
func reader(pipeline string) hub.Subscription { return hub.Subscription{Hub: "h", Pipeline: pipeline} }

// Who gets what. All is sent before a reader runs: none misses a message.
func TestChannels(t *testing.T) {
	r := newRabbit(t)
	for _, c := range []struct {
		kind    string
		readers []hub.Subscription
		sends   map[string]string // id -> header
		want    map[string][]string
	}{
		{direct, []hub.Subscription{reader("a")}, map[string]string{"1": "", "2": ""}, map[string][]string{"h.a": {"1", "2"}}},
		{fanout, []hub.Subscription{reader("a"), reader("b"), {Hub: "other", Pipeline: "a"}}, map[string]string{"1": ""},
			map[string][]string{"h.a": {"1"}, "h.b": {"1"}, "other.a": {"1"}}},
		{topic, []hub.Subscription{{Hub: "h", Pipeline: "all", Pattern: "#"}, {Hub: "h", Pipeline: "paid", Pattern: "order.*.paid"}},
			map[string]string{"1": "order.7.paid", "2": "order.7.shipped", "3": ""}, map[string][]string{"h.all": {"1", "2", "3"}, "h.paid": {"1"}}},
		{headers, []hub.Subscription{
			{Hub: "h", Pipeline: "eu", Match: hub.Headers{"region": "eu", "kind": "big order"}},
			{Hub: "h", Pipeline: "ours", Match: hub.Headers{"x-tenant": "eu", "content-type": "application/json"}},
			{Hub: "h", Pipeline: "none", Match: hub.Headers{"content-type": "text/plain"}}, {Hub: "h", Pipeline: "all"},
		}, map[string]string{"1": "eu", "2": "us"}, map[string][]string{"h.eu": {"1"}, "h.ours": {"1"}, "h.none": nil, "h.all": {"1", "2"}}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			a := openAdapter(t, r.url, nil)
			ch := r.carried(c.kind, slices.Collect(maps.Keys(c.want))...)
			sources := map[string]hub.Source{}
			for _, s := range c.readers {
				sources[s.Hub+"."+s.Pipeline] = a.carrySource(ch, s)
			}
			target := a.carryTarget(ch)
			for _, id := range slices.Sorted(maps.Keys(c.sends)) {
				m := message1(id, "{}").WithKey("k-" + id)
				switch c.kind {
				case topic:
					m = m.WithHeader(hub.HeaderRoutingKey, c.sends[id])
				case headers:
					m = m.WithHeader("region", c.sends[id]).WithHeader("x-tenant", c.sends[id]).WithHeader("kind", "big order")
				}
				r.ok(target.Send(background(t), m))
			}
			for name, want := range c.want {
				var got hubtest.Seen
				stop := hubtest.Feed(t, sources[name], &got)
				hubtest.Until(t, name+" got too little", func() bool { return len(got.All()) >= len(want) })
				hubtest.Until(t, name+" left something", func() bool { return r.depth(sources[name].(*Source).queue) == 0 })
				stop()
				var ids []string
				for _, m := range got.All() {
					ids = append(ids, m.ID)
				}
				if slices.Sort(ids); !slices.Equal(ids, want) {
					t.Errorf("%s got %v, want %v", name, ids, want)
				}
			}
		})
	}
}

// A message comes out of a channel as it went in.
func TestChannelKeepsMessage(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	for _, kind := range kinds {
		ch := r.carried(kind, "h.p")
		var got hubtest.Seen
		s := reader("p")
		s.Pattern = "#"
		hubtest.Feed(t, a.carrySource(ch, s), &got)
		m := &hub.Message{ID: "01ABC/1", Key: "customer 7", Correlation: strings.Repeat("c", 300), Time: time.Date(2026, 11, 21, 9, 0, 10, 123456789, time.UTC),
			Expires: time.Now().UTC().Add(time.Minute).Round(0), Body: hub.NewBody([]byte{0, 255, 'x'}),
			Headers: hub.Headers{"content-type": "application/json", "content-encoding": "gzip", "idempotency-key": "i", "routing-key": "a.b", "traceparent": "00-1",
				"amqp.type": "t", "amqp.app-id": "shop", "amqp.priority": "3", "amqp.exchange": "x", "amqp.redelivered": "true", "sequence": "1/2", "x-own": "ä \n"}}
		want := *m
		r.ok(a.carryTarget(ch).Send(background(t), m))
		g := got.First(t)
		if g.ID != want.ID || g.Key != want.Key || g.Correlation != want.Correlation || !g.Time.Equal(want.Time) || !g.Expires.Equal(want.Expires) ||
			string(g.Body.Bytes()) != string(want.Body.Bytes()) || !maps.Equal(g.Headers, want.Headers) {
			t.Errorf("%s: %+v\nwant %+v", kind, g, &want)
		}
	}
}

// A message from a client that is no hub has the key that the channel says.
func TestChannelFromOutside(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(topic, "h.p")
	s := hub.Subscription{Hub: "h", Pipeline: "p", Pattern: "stock.*", Lanes: 3, Key: func(m *hub.Message) string { return "by " + string(m.Body.Bytes()) }}
	src := a.carrySource(ch, s)
	if n := src.(*Source).cfg.Workers; n != 3 {
		t.Errorf("%d workers", n)
	}
	var got hubtest.Seen
	hubtest.Feed(t, src, &got)
	r.ok(a.carryTarget(ch).Send(background(t), message1("1", "x").WithKey("own").WithHeader(hub.HeaderRoutingKey, "stock.a")))
	r.put(ch.Name, "stock.b", amqp.Publishing{MessageId: "2", Body: []byte("y")})
	hubtest.Until(t, "not both came", func() bool { return len(got.All()) == 2 })
	keys := map[string]string{}
	for _, m := range got.All() {
		keys[m.ID] = m.Key + " " + m.Headers[hub.HeaderRoutingKey]
	}
	if keys["1"] != "own stock.a" || keys["2"] != "by y stock.b" {
		t.Errorf("%v", keys)
	}
}

// What expires on a channel comes to its reader, who makes a dead letter of it: the server does not throw it away.
func TestChannelExpiry(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(direct)
	src, target := a.carrySource(ch, reader("p")), a.carryTarget(ch)
	m := message1("1", "{}")
	m.Expires = time.Now().UTC().Add(3 * time.Second)
	r.ok(target.Send(background(t), m))
	time.Sleep(time.Until(m.Expires))
	hubtest.WantError(t, target.Send(background(t), m), hub.Rejected, "expired")
	var got hubtest.Seen
	hubtest.Feed(t, src, &got)
	if g := got.First(t); !g.Expires.Equal(m.Expires) {
		t.Errorf("expires %s, want %s", g.Expires, m.Expires)
	}
}

// RabbitMQ's topics and the store's agree.
func TestTopicPatterns(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	keys := []string{"", "order", "order.paid", "order.paid.eu", ".", "a..b"}
	patterns := []string{"#", "*", "order", "order.*", "order.#", "*.paid", "#.eu", "order.*.eu", ".", "a.*.b", ""}
	readers := make([]string, len(patterns))
	for i := range patterns {
		readers[i] = "h.p" + strconv.Itoa(i)
	}
	ch := r.carried(topic, readers...)
	sources := make([]hub.Source, len(patterns))
	for i, p := range patterns {
		sources[i] = a.carrySource(ch, hub.Subscription{Hub: "h", Pipeline: "p" + strconv.Itoa(i), Pattern: p})
	}
	target := a.carryTarget(ch)
	for _, k := range keys {
		r.ok(target.Send(background(t), message1("key "+k, "{}").WithHeader(hub.HeaderRoutingKey, k)))
	}
	for i, p := range patterns {
		var got, want []string
		for range r.depth(sources[i].(*Source).queue) {
			got = append(got, r.get(sources[i].(*Source).queue).MessageId)
		}
		for _, k := range keys {
			if hub.TopicMatch(p, k) {
				want = append(want, "key "+k)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q got %q, want %q", p, got, want)
		}
	}
}

func TestChannelWithoutReader(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	r.ok(a.carryTarget(r.carried(topic)).Send(background(t), message1("1", "{}")))
	ch := r.carried(direct)
	r.ok(a.carryTarget(ch).Send(background(t), message1("1", "{}")))
	if d := r.get(ch.Name); d.MessageId != "1" {
		t.Error(d)
	}
}

// A queue that was deleted under a target's feet is declared again: no dead letter for it.
func TestDeletedQueueHeals(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	ch := r.carried(direct)
	for _, target := range []hub.Target{a.carryTarget(ch), a.target("queue " + ch.Name)} {
		r.ok(target.Send(background(t), message1("1", "{}")))
		_, err := r.ch.QueueDelete(ch.Name, false, false, false)
		r.ok(err)
		hubtest.WantError(t, target.Send(background(t), message1("2", "{}")), hub.Unavailable, reasonTopology, "queue "+ch.Name, "deleted")
		r.ok(target.Send(background(t), message1("2", "{}")))
		if d := r.get(ch.Name); d.MessageId != "2" {
			t.Error(d)
		}
	}
	caller := a.carryCaller(ch)
	_, err := r.ch.QueueDelete(ch.Name, false, false, false)
	r.ok(err)
	call := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(background(t), patience)
		defer cancel()
		_, err := caller.Call(ctx, message1("3", "{}"))
		return err
	}
	hubtest.WantError(t, call(2*time.Second), hub.Timeout, "timeout") // declares it, and finds no reader
	_, err = r.ch.QueueDelete(ch.Name, false, false, false)
	r.ok(err)
	hubtest.WantError(t, call(time.Minute), hub.Unavailable, reasonTopology, "deleted")
	hubtest.WantError(t, call(2*time.Second), hub.Timeout, "timeout")
}

// Channels that RabbitMQ can't carry.
func TestChannelFaults(t *testing.T) {
	a := openAdapter(t, "amqp://nobody", nil)
	for _, c := range []hub.Carried{{Name: "a", Type: "tropic"}, {Name: "", Type: direct}, {Name: "amq.a", Type: fanout}, {Name: strings.Repeat("a", 256), Type: direct}} {
		if _, err := a.CarryTarget(c); err == nil || !strings.Contains(err.Error(), "channel") {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := a.CarrySource(c, reader("p")); err == nil {
			t.Errorf("%v is read", c)
		}
	}
	if _, err := a.CarrySource(hub.Carried{Name: "a", Type: fanout}, reader(strings.Repeat("p", 255))); err == nil {
		t.Error("the reader's queue has too long a name")
	}
	if _, err := a.CarryCaller(hub.Carried{Name: "a", Type: topic}); err == nil || !strings.Contains(err.Error(), "call a direct channel") {
		t.Error(err)
	}
}

// Order per key on a channel with one hub, from target to handler, while connections are cut and handlers fail.
func TestChannelOrder(t *testing.T) {
	t.Parallel()
	const keys, each = 20, 25
	r := newRabbit(t)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	ch := r.carried(direct)
	var mu sync.Mutex
	next, failed := map[string]int{}, map[string]bool{}
	var inversions []string
	total := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range next {
			n += k
		}
		return n
	}
	hubtest.Feed(t, a.carrySource(ch, hub.Subscription{Hub: "h", Pipeline: "p", Lanes: 8}), hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if !failed[m.ID] && rand.IntN(20) == 0 {
			failed[m.ID] = true
			return hub.Fail(hub.Unavailable, "test", "5 %%")
		}
		switch n, _ := strconv.Atoi(string(m.Body.Bytes())); {
		case n == next[m.Key]:
			next[m.Key]++
		case n > next[m.Key]:
			inversions = append(inversions, m.Key+" "+m.ID)
		}
		return nil
	}))
	target := a.carryTarget(ch)
	var senders sync.WaitGroup
	for k := range keys {
		senders.Go(func() {
			for i := range each {
				m := message1(fmt.Sprintf("%d-%d", k, i), strconv.Itoa(i)).WithKey("k" + strconv.Itoa(k))
				for target.Send(background(t), m) != nil { // as the hub does: the next of the key waits
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	for range 3 {
		at := total()
		hubtest.Until(t, "nothing comes", func() bool { return total() > at+keys*each/8 || total() == keys*each })
		p.Cut()
	}
	senders.Wait()
	hubtest.Until(t, "not all came", func() bool { return total() == keys*each })
	if len(inversions) > 0 {
		t.Errorf("%d inversions: %v", len(inversions), inversions)
	}
}

// A call of a channel: another hub's pipeline that reads the channel answers.
func TestChannelCall(t *testing.T) {
	r := newRabbit(t)
	ch := r.carried(direct)
	a := openAdapter(t, r.url, nil)
	done := make(chan *hub.Message, 1)
	m := message1("1", "{}").WithKey("k").WithCorrelation("order-7")
	m.Time = m.Time.Add(-3 * time.Second) // it is older than the request
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		reply, err := a.carryCaller(ch).Call(ctx, m)
		if err != nil {
			t.Error(err)
		}
		done <- reply
	}()
	b := openAdapter(t, r.url, nil)
	hubtest.Until(t, "the channel was not declared", func() bool {
		_, err := r.channel().QueueDeclarePassive(ch.Name, true, false, false, false, nil)
		return err == nil
	})
	var n hubtest.Seen
	hubtest.Feed(t, b.carrySource(ch, reader("stock")), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		n.Handle(ctx, m)
		return m.WithBody(hub.NewBody([]byte("key " + m.Key + " of " + m.Correlation))), nil
	}))
	if reply := <-done; reply == nil || string(reply.Body.Bytes()) != "key k of order-7" || reply.Correlation != "order-7" {
		t.Errorf("%+v", reply)
	}
	if left := time.Until(n.First(t).Expires); left < 30*time.Second || left > time.Minute {
		t.Errorf("the request expires in %s, its caller waits 1m", left)
	}
}
