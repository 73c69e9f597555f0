package stomp

import (
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// A durable subscription keeps what comes while nobody reads; its readers share it. Another one has its own.
func TestDurableSubscription(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	x := r.exchange("x", "topic")
	durable := func(queue string) func(*SourceConfig) {
		return func(c *SourceConfig) {
			c.Durable, c.ID = true, "hub"
			c.Arguments = map[string]string{"x-queue-name": queue} // so that the test can delete it
		}
	}
	first, second := r.drop("first"), r.drop("second")
	var got, other hubtest.Seen
	stop := hubtest.Feed(t, a.source("/exchange/"+x+"/order.*", durable(first)), &got)
	hubtest.Feed(t, a.source("/exchange/"+x+"/#", durable(second)), &other)
	target := a.target("/exchange/" + x)
	send := func(id, key string) {
		t.Helper()
		r.ok(target.Send(background(t), message1(id, "{}").WithHeader(hub.HeaderRoutingKey, key)))
	}
	hubtest.Until(t, "not subscribed", func() bool { // RabbitMQ declares the queue first, and binds it to the exchange then
		send("0", "order.new")
		return got.Count("0") > 0 && other.Count("0") > 0
	})
	send("1", "order.paid")
	hubtest.Until(t, "it did not come", func() bool { return got.Count("1") == 1 })
	stop()
	send("2", "order.shipped")
	send("3", "stock.low")
	hubtest.Until(t, "it was not kept", func() bool { return r.depth(first) == 1 })
	hubtest.Feed(t, a.source("/exchange/"+x+"/order.*", durable(first)), &got)
	hubtest.Until(t, "what was kept did not come", func() bool { return got.Count("2") == 1 })
	hubtest.Until(t, "the other missed one", func() bool { return other.Count("1") == 1 && other.Count("2") == 1 && other.Count("3") == 1 })
	if paid := slices.IndexFunc(got.All(), func(m *hub.Message) bool { return m.ID == "1" }); got.Count("3") > 0 || got.All()[paid].Headers[hub.HeaderRoutingKey] != "order.paid" {
		t.Errorf("%+v", got.All()[paid])
	}
	if strings.Contains(a.log.String(), "not_durable") {
		t.Error(a.log)
	}
}

// Of a topic without a durable subscription each reader has every message from then on, and the log says what is lost.
func TestTopic(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	key := r.name + ".paid"
	readers := []*hubtest.Seen{{}, {}}
	for _, got := range readers {
		hubtest.Feed(t, a.source("/topic/"+r.name+".*", nil), got)
	}
	target := a.target("/topic/" + key)
	hubtest.Until(t, "it did not come to both", func() bool {
		r.ok(target.Send(background(t), message1("1", "{}")))
		return readers[0].Count("1") > 0 && readers[1].Count("1") > 0
	})
	if m := readers[0].First(t); m.Headers[hub.HeaderRoutingKey] != key || m.Headers[headerCameBy] != "/topic/"+key {
		t.Errorf("%+v", m)
	}
	if n := strings.Count(a.log.String(), "event=not_durable"); n != 2 {
		t.Errorf("%d log lines", n)
	}
}

// RabbitMQ names the queue of a durable subscription itself; it outlives the connection.
func TestDurableTopic(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	key := r.name + ".x"
	t.Cleanup(func() { r.deleteReaders(key) })
	source := func() hub.Source {
		return a.source("/topic/"+key, func(c *SourceConfig) { c.Durable, c.ID = true, r.name })
	}
	var got hubtest.Seen
	stop := hubtest.Feed(t, source(), &got)
	target := a.target("/topic/" + key)
	hubtest.Until(t, "not subscribed", func() bool {
		r.ok(target.Send(background(t), message1("before", "{}")))
		return got.Count("before") > 0
	})
	stop()
	r.ok(target.Send(background(t), message1("while away", "{}")))
	hubtest.Feed(t, source(), &got)
	hubtest.Until(t, "it was not kept", func() bool { return got.Count("while away") == 1 })
}

// Selectors, of a server that has them. RabbitMQ has none, and would bring everything: it is told so.
func TestSelector(t *testing.T) {
	s := newFake(t, nil)
	a := openAdapter(t, s.url, nil)
	var eu, all hubtest.Seen
	hubtest.Feed(t, a.source("/queue/a", func(c *SourceConfig) { c.Selector = "region = 'eu'" }), &eu)
	hubtest.Feed(t, a.source("/queue/a", nil), &all)
	hubtest.Until(t, "not subscribed", func() bool { return len(s.got(cmdSubscribe)) == 2 })
	target := a.target("/queue/a")
	for _, id := range []string{"us", "eu"} {
		if err := target.Send(background(t), message1(id, "{}").WithHeader("region", id)); err != nil {
			t.Fatal(err)
		}
	}
	hubtest.Until(t, "not all came", func() bool { return len(all.All()) == 2 && len(eu.All()) == 1 })
	if eu.First(t).ID != "eu" {
		t.Errorf("%+v", eu.First(t))
	}
	if findings, err := a.Inspect(background(t)); err != nil || len(findings) > 0 {
		t.Error(findings, err)
	}

	r := newRabbit(t)
	b := openAdapter(t, r.url, nil)
	q := r.queue("q", nil)
	source := b.source("/queue/"+q, func(c *SourceConfig) { c.Selector = "region = 'eu'" })
	r.put(q, amqp.Publishing{MessageId: "us"})
	hubtest.WantError(t, source.Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonTopology, "RabbitMQ has no selectors")
	findings, err := b.Inspect(background(t))
	if err != nil || len(findings) != 2 || !strings.HasPrefix(findings[1], hub.Unasked+"/queue/"+q+": ") || !strings.Contains(findings[0], "/queue/"+q+": RabbitMQ has no selectors") {
		t.Error(findings, err)
	}
	if r.depth(q) != 1 {
		t.Error("it was taken")
	}
}

// Older versions: 1.1 acknowledges by message-id and subscription; 1.0 can't refuse, so nothing is read by it.
func TestVersions(t *testing.T) {
	for _, v := range []string{"1.1", "1.0", ""} {
		s := newFake(t, nil)
		s.version = v
		a := openAdapter(t, s.url, nil)
		target := a.target("/queue/a")
		value := "c:\\new"
		if v == "1.1" {
			var got hubtest.Seen
			hubtest.Feed(t, a.source("/queue/a", nil), &got)
			hubtest.Until(t, "not subscribed", func() bool { return len(s.got(cmdSubscribe)) == 1 })
			if err := target.Send(background(t), message1("1", "{}").WithHeader("x", value)); err != nil {
				t.Fatal(err)
			}
			if m := got.First(t); m.Headers["x"] != value {
				t.Errorf("%q", m.Headers["x"])
			}
			hubtest.Until(t, "no ACK", func() bool { return len(s.got(cmdAck)) == 1 })
			want := []header{{headerMessageID, "session-1"}, {headerSubscription, "hub"}}
			if f := s.got(cmdAck)[0]; !slices.Equal(f.headers, want) {
				t.Errorf("%v", f.headers)
			}
			continue
		}
		if err := target.Send(background(t), message1("1", "{}").WithHeader("x", value)); err != nil {
			t.Fatal(err)
		}
		if f := s.got(cmdSend)[0]; f.get("x") != value {
			t.Errorf("%q", f.get("x"))
		}
		hubtest.WantError(t, target.Send(background(t), message1("1", "{}").WithHeader("x", "a\nb")), hub.Invalid, reasonHeader)
		hubtest.WantError(t, a.source("/queue/a", nil).Run(background(t), &hubtest.Seen{}), hub.Unavailable, reasonProtocol, "1.1 is needed")
	}
}
