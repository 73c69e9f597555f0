package stomp

import (
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
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
	var got, other seen
	stop := feed(t, a.source("/exchange/"+x+"/order.*", durable(first)), &got)
	feed(t, a.source("/exchange/"+x+"/#", durable(second)), &other)
	target := a.target("/exchange/" + x)
	send := func(id, key string) {
		t.Helper()
		r.ok(target.Send(background(t), message1(id, "{}").WithHeader(hub.HeaderRoutingKey, key)))
	}
	until(t, "not subscribed", func() bool { // RabbitMQ declares the queue first, and binds it to the exchange then
		send("0", "order.new")
		return got.count("0") > 0 && other.count("0") > 0
	})
	send("1", "order.paid")
	until(t, "it did not come", func() bool { return got.count("1") == 1 })
	stop()
	send("2", "order.shipped")
	send("3", "stock.low")
	until(t, "it was not kept", func() bool { return r.depth(first) == 1 })
	feed(t, a.source("/exchange/"+x+"/order.*", durable(first)), &got)
	until(t, "what was kept did not come", func() bool { return got.count("2") == 1 })
	until(t, "the other missed one", func() bool { return other.count("1") == 1 && other.count("2") == 1 && other.count("3") == 1 })
	if paid := slices.IndexFunc(got.all(), func(m *hub.Message) bool { return m.ID == "1" }); got.count("3") > 0 || got.all()[paid].Headers[hub.HeaderRoutingKey] != "order.paid" {
		t.Errorf("%+v", got.all()[paid])
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
	readers := []*seen{{}, {}}
	for _, got := range readers {
		feed(t, a.source("/topic/"+r.name+".*", nil), got)
	}
	target := a.target("/topic/" + key)
	until(t, "it did not come to both", func() bool {
		r.ok(target.Send(background(t), message1("1", "{}")))
		return readers[0].count("1") > 0 && readers[1].count("1") > 0
	})
	if m := readers[0].first(t); m.Headers[hub.HeaderRoutingKey] != key || m.Headers[headerCameBy] != "/topic/"+key {
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
	var got seen
	stop := feed(t, source(), &got)
	target := a.target("/topic/" + key)
	until(t, "not subscribed", func() bool {
		r.ok(target.Send(background(t), message1("before", "{}")))
		return got.count("before") > 0
	})
	stop()
	r.ok(target.Send(background(t), message1("while away", "{}")))
	feed(t, source(), &got)
	until(t, "it was not kept", func() bool { return got.count("while away") == 1 })
}

// Selectors, of a server that has them. RabbitMQ has none, and would bring everything: it is told so.
func TestSelector(t *testing.T) {
	s := newFake(t, nil)
	a := openAdapter(t, s.url, nil)
	var eu, all seen
	feed(t, a.source("/queue/a", func(c *SourceConfig) { c.Selector = "region = 'eu'" }), &eu)
	feed(t, a.source("/queue/a", nil), &all)
	until(t, "not subscribed", func() bool { return len(s.got(cmdSubscribe)) == 2 })
	target := a.target("/queue/a")
	for _, id := range []string{"us", "eu"} {
		if err := target.Send(background(t), message1(id, "{}").WithHeader("region", id)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "not all came", func() bool { return len(all.all()) == 2 && len(eu.all()) == 1 })
	if eu.first(t).ID != "eu" {
		t.Errorf("%+v", eu.first(t))
	}
	if findings, err := a.Inspect(background(t)); err != nil || len(findings) > 0 {
		t.Error(findings, err)
	}

	r := newRabbit(t)
	b := openAdapter(t, r.url, nil)
	q := r.queue("q", nil)
	source := b.source("/queue/"+q, func(c *SourceConfig) { c.Selector = "region = 'eu'" })
	r.put(q, amqp.Publishing{MessageId: "us"})
	wantError(t, source.Run(background(t), &seen{}), hub.Unavailable, reasonTopology, "RabbitMQ has no selectors")
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
			var got seen
			feed(t, a.source("/queue/a", nil), &got)
			until(t, "not subscribed", func() bool { return len(s.got(cmdSubscribe)) == 1 })
			if err := target.Send(background(t), message1("1", "{}").WithHeader("x", value)); err != nil {
				t.Fatal(err)
			}
			if m := got.first(t); m.Headers["x"] != value {
				t.Errorf("%q", m.Headers["x"])
			}
			until(t, "no ACK", func() bool { return len(s.got(cmdAck)) == 1 })
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
		wantError(t, target.Send(background(t), message1("1", "{}").WithHeader("x", "a\nb")), hub.Invalid, reasonHeader)
		wantError(t, a.source("/queue/a", nil).Run(background(t), &seen{}), hub.Unavailable, reasonProtocol, "1.1 is needed")
	}
}
