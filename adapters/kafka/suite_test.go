package kafka

import (
	"context"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

var suiteHeaders = []string{"content-type", "idempotency-key", "traceparent", "reply-to", "x-shop"}

// readFar is a topic that a source reads.
type readFar struct {
	*server
	topic string
	form  form
	group string
	proxy *proxy
}

func (f *readFar) Open(t *testing.T) hub.Source {
	a := f.adapter(nil)
	f.proxy = newProxy(t, a)
	if f.form == onChannel {
		return f.carry(a, hub.Carried{Name: f.topic, Type: "fanout"}, hub.Subscription{Hub: f.topic, Pipeline: "reader", Lanes: 3})
	}
	return f.source(a, "topic "+f.topic, f.topic, func(c *SourceConfig) { c.Workers = 3 })
}

func (f *readFar) Put(t *testing.T, m *hub.Message) {
	f.put(f.topic, recordOf(newParcel(m, onTopic)))
}

func (f *readFar) Acked(*testing.T) int {
	n := 0
	for _, offset := range f.committed(f.group, f.topic, 2) {
		n += int(max(0, offset))
	}
	return n
}

func (f *readFar) Refused(*testing.T) int { return 0 }
func (f *readFar) Cut(*testing.T)         { f.proxy.cut() }

func TestSourceSuite(t *testing.T) {
	features := hubtest.Features{Redelivers: true, Cut: true, Ordered: true, MaxBody: 900 << 10, Headers: suiteHeaders, Workers: 3}
	t.Run("topic", func(t *testing.T) {
		hubtest.Source(t, features, func(t *testing.T) hubtest.SourceFar {
			s := newServer(t)
			topic := s.topic(2)
			return &readFar{server: s, topic: topic, group: topic}
		})
	})
	t.Run("channel", func(t *testing.T) {
		hubtest.Source(t, features, func(t *testing.T) hubtest.SourceFar {
			s := newServer(t)
			topic := s.topic(2)
			return &readFar{server: s, topic: topic, group: topic + ".reader", form: onChannel}
		})
	})
}

// writeFar is a topic that a target writes.
type writeFar struct {
	*server
	topic string
	form  form
	proxy *proxy
	open  hub.Target
}

func (f *writeFar) Open(t *testing.T) hub.Target {
	a := f.adapter(func(c *Config) { c.Timeout = 2500 * time.Millisecond }) // a stall of the machine is shorter
	f.proxy = newProxy(t, a)
	if f.open = f.target(a, "topic "+f.topic); f.form == onChannel {
		f.open = f.channel(a, hub.Carried{Name: f.topic, Type: "fanout"})
	}
	return f.open
}

func (f *writeFar) Got(t *testing.T) (out []*hub.Message) {
	return f.messages(f.topic, 1, f.form)
}

func (f *writeFar) Break(t *testing.T, c hub.Class) {
	switch c {
	case hub.Unavailable:
		f.proxy.set(false, true)
		f.proxy.cut()
	case hub.Timeout:
		f.proxy.set(true, false)
	case hub.Rejected:
		f.limit("1")
	}
}

func (f *writeFar) Heal(t *testing.T) {
	f.proxy.set(false, false)
	f.limit("1048588")
	f.proxy.cut()
	hubtest.Until(t, "the target does not recover", func() bool { // the hub's retries do that
		return f.open.Send(context.Background(), &hub.Message{ID: "again"}) == nil
	})
}

// limit sets the topic's largest record.
func (f *writeFar) limit(bytes string) {
	_, err := f.admin.AlterConfigs(context.Background(), &kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: f.topic,
		Configs: []kafka.AlterConfigRequestConfig{{Name: "max.message.bytes", Value: bytes}},
	}}})
	if err != nil {
		f.t.Fatal(err)
	}
	hubtest.Until(f.t, "the broker knows the limit", func() bool { // it learns of it a little later
		r, err := f.admin.DescribeConfigs(context.Background(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: f.topic, ConfigNames: []string{"max.message.bytes"}}}})
		return err == nil && len(r.Resources) == 1 && len(r.Resources[0].ConfigEntries) == 1 && r.Resources[0].ConfigEntries[0].ConfigValue == bytes
	})
	f.put(f.server.topic(1), kafka.Message{Value: []byte("x")}) // its log hears of it after that, and before the broker hears of a newer topic
}

func TestTargetSuite(t *testing.T) {
	features := hubtest.Features{MaxBody: 900 << 10, Headers: suiteHeaders, Classes: []hub.Class{hub.Unavailable, hub.Timeout, hub.Rejected}}
	for name, f := range map[string]form{"topic": onTopic, "channel": onChannel} {
		t.Run(name, func(t *testing.T) {
			hubtest.Target(t, features, func(t *testing.T) hubtest.TargetFar {
				s := newServer(t)
				return &writeFar{server: s, topic: s.topic(1), form: f}
			})
		})
	}
}

// recordOf is a parcel as the library has it.
func recordOf(p *parcel) kafka.Message {
	m := kafka.Message{Value: p.value, Time: p.time}
	if p.key != "" {
		m.Key = []byte(p.key)
	}
	for _, h := range p.headers {
		m.Headers = append(m.Headers, kafka.Header{Key: h.name, Value: []byte(h.value)})
	}
	return m
}

// messages are the records of a topic as a source brings them.
func (s *server) messages(topic string, partitions int, f form) (out []*hub.Message) {
	s.t.Helper()
	r := &run{Source: &Source{topic: topic, form: f}, env: &hub.Env{Clock: hub.RealClock{}}}
	for _, m := range s.read(topic, partitions) {
		out = append(out, messageOf(r, m))
	}
	return out
}

func messageOf(r *run, m kafka.Message) *hub.Message {
	rec := record{offset: m.Offset, time: m.Time.UnixMilli(), key: m.Key, value: m.Value, count: len(m.Headers)}
	for _, h := range m.Headers {
		rec.headers = appendBytes(appendBytes(rec.headers, h.Key, true), h.Value, true)
	}
	out := &hub.Message{}
	r.message(out, m.Partition, &rec)
	return out
}
