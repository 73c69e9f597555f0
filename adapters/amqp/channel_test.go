package amqp

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// Channels that RabbitMQ carries: who gets what.
func TestChannels(t *testing.T) {
	r := newRabbit(t)
	for _, c := range []struct {
		kind    string
		readers map[string]string // pipeline -> what follows "for"
		sends   map[string]string // id -> header
		want    map[string][]string
	}{
		{direct, map[string]string{"": ""}, map[string]string{"1": "", "2": ""}, map[string][]string{"": {"1", "2"}}},
		{fanout, map[string]string{"a": "", "b": ""}, map[string]string{"1": ""}, map[string][]string{"a": {"1"}, "b": {"1"}}},
		{topic, map[string]string{"all": "", "paid": " key order.*.paid"}, map[string]string{"1": "order.7.paid", "2": "order.7.shipped"},
			map[string][]string{"all": {"1", "2"}, "paid": {"1"}}},
		{headers, map[string]string{"eu": " match region=eu&kind=big+order"}, map[string]string{"1": "eu", "2": "us"}, map[string][]string{"eu": {"1"}}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			a := openAdapter(t, r.url, nil)
			name := r.exchange(c.kind, "")
			text := "channel " + name + " type " + c.kind
			got := map[string]*seen{}
			for pipeline, more := range c.readers {
				reader := text
				if pipeline != "" {
					reader += " for " + pipeline + more
					r.drop(c.kind + ">" + pipeline)
				} else {
					r.drop(c.kind)
				}
				got[pipeline] = &seen{}
				feed(t, a.source(reader, nil), got[pipeline])
			}
			target := a.target(text) // it declares the readers' queues: none misses a message
			for _, id := range slices.Sorted(maps.Keys(c.sends)) {
				m := message1(id, "{}").WithKey("k-" + id).WithCorrelation("c-" + id)
				if c.kind == topic {
					m = m.WithHeader(hub.HeaderRoutingKey, c.sends[id])
				}
				if c.kind == headers {
					m = m.WithHeader("region", c.sends[id]).WithHeader("kind", "big order")
				}
				r.ok(target.Send(background(t), m))
			}
			for pipeline, want := range c.want {
				until(t, pipeline+" got too little", func() bool { return len(got[pipeline].all()) >= len(want) })
				var ids []string
				for _, m := range got[pipeline].all() {
					ids = append(ids, m.ID)
					if m.Key != "k-"+m.ID || m.Correlation != "c-"+m.ID || m.Headers["hub-key"] != "" {
						t.Errorf("%+v", m)
					}
				}
				if slices.Sort(ids); !slices.Equal(ids, want) {
					t.Errorf("%s got %v, want %v", pipeline, ids, want)
				}
			}
		})
	}
}

func TestChannelWithoutReader(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	r.ok(a.target("channel "+r.exchange("t", "")+" type topic").Send(background(t), message1("1", "{}")))
	q := r.drop("d")
	r.ok(a.target("channel "+q+" type direct").Send(background(t), message1("1", "{}")))
	if d := r.get(q); d.MessageId != "1" {
		t.Error(d)
	}
}

// A call of a channel: another hub's pipeline that reads the channel answers.
func TestChannelCall(t *testing.T) {
	r := newRabbit(t)
	q := r.drop("commands")
	a := openAdapter(t, r.url, nil)
	done := make(chan *hub.Message, 1)
	go func() {
		m, err := a.caller("channel "+q+" type direct").Call(background(t), message1("1", "{}").WithKey("k"))
		if err != nil {
			t.Error(err)
		}
		done <- m
	}()
	b := openAdapter(t, r.url, nil)
	until(t, "the channel was not declared", func() bool {
		_, err := r.channel().QueueDeclarePassive(q, true, false, false, false, nil)
		return err == nil
	})
	var n seen
	feed(t, b.source("channel "+q+" type direct for stock", nil), replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		n.Handle(ctx, m)
		return m.WithBody(hub.NewBody([]byte("key " + m.Key))), nil
	}))
	if m := <-done; m == nil || string(m.Body.Bytes()) != "key k" {
		t.Errorf("%+v", m)
	}
}

func TestExchangeSources(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	x, y := r.exchange("x", ""), r.exchange("y", headers)
	q := r.drop("collect")
	var got seen
	feed(t, a.source("exchange "+x+" type topic key stock.*", func(c *SourceConfig) {
		c.Queue = q
		c.Bind = []Bind{{Exchange: y, Headers: map[string]string{"x-match": "any", "a": "1", "b": "2"}}}
	}), &got)
	until(t, "nothing was declared", func() bool {
		_, err := r.channel().QueueDeclarePassive(q, true, false, false, false, nil)
		return err == nil
	})
	until(t, "nothing was bound", func() bool {
		r.ok(r.channel().PublishWithContext(background(t), x, "stock.b", true, false, amqp.Publishing{MessageId: "x"}))
		return got.count("x") > 0
	})
	until(t, "no header binding", func() bool {
		r.put(y, "", amqp.Publishing{MessageId: "y", Headers: amqp.Table{"b": "2"}})
		r.put(y, "", amqp.Publishing{MessageId: "n", Headers: amqp.Table{"c": "2"}})
		return got.count("y") > 0
	})
	if got.count("n") > 0 {
		t.Error("a message came that no binding takes")
	}
	r.ok(a.target("exchange "+x+" key stock.z").Send(background(t), message1("z", "{}"))) // of the type that the source says
	until(t, "the target's message did not come", func() bool { return got.count("z") > 0 })
}

func TestTopology(t *testing.T) {
	r := newRabbit(t)
	a := openAdapter(t, r.url, nil)
	there := r.queue("there", nil)
	other := r.queue("other", amqp.Table{"x-max-length": int32(5)})
	a.source("queue "+there, nil)
	a.source("queue "+other, nil)
	a.source("exchange "+r.exchange("x", topic)+" type direct key a", func(c *SourceConfig) { c.Queue = r.drop("new") })
	a.target("exchange " + r.name + ".no")
	problems, err := a.Topology(background(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"queue " + other + ": declared with other arguments: inequivalent arg 'x-max-length'",
		"exchange " + r.name + ".x: declared with other arguments: inequivalent arg 'type'",
		"queue " + r.name + ".new: not there yet; the hub will declare it",
		"exchange " + r.name + ".no: not there",
	}
	if len(problems) != len(want) {
		t.Errorf("%q", problems)
	}
	for i := range min(len(want), len(problems)) {
		if !strings.HasPrefix(problems[i], want[i]) {
			t.Errorf("%q, want %q", problems[i], want[i])
		}
	}
	if _, err := r.channel().QueueDeclarePassive(r.name+".new", true, false, false, false, nil); err == nil {
		t.Error("it declared something")
	}
	if _, err := openAdapter(t, "amqp://guest@127.0.0.1:1/", nil).Topology(background(t)); err == nil {
		t.Error("no error without a server")
	}
}
