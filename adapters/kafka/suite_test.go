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
	proxy *proxy
}

func (f *readFar) Open(t *testing.T) hub.Source {
	a := f.adapter(nil)
	f.proxy = newProxy(t, a)
	return f.source(a, "topic "+f.topic, f.topic, func(c *SourceConfig) { c.Workers = 3 })
}

func (f *readFar) Put(t *testing.T, m *hub.Message) {
	p := newParcel(m)
	f.put(f.topic, kafka.Message{Key: p.key, Value: p.value, Headers: p.headers})
}

func (f *readFar) Acked(*testing.T) int {
	n := 0
	for _, offset := range f.committed(f.topic, f.topic, 2) {
		n += int(max(0, offset))
	}
	return n
}

func (f *readFar) Refused(*testing.T) int { return 0 }
func (f *readFar) Cut(*testing.T)         { f.proxy.cut() }

func TestSourceSuite(t *testing.T) {
	hubtest.Source(t, hubtest.Features{Redelivers: true, Cut: true, Ordered: true, MaxBody: 900 << 10, Headers: suiteHeaders, Workers: 3},
		func(t *testing.T) hubtest.SourceFar {
			s := newServer(t)
			return &readFar{server: s, topic: s.topic(2)}
		})
}

// writeFar is a topic that a target writes.
type writeFar struct {
	*server
	topic string
	proxy *proxy
	open  hub.Target
}

func (f *writeFar) Open(t *testing.T) hub.Target {
	a := f.adapter(func(c *Config) { c.Timeout = 500 * time.Millisecond })
	f.proxy = newProxy(t, a)
	f.open = f.target(a, "topic "+f.topic)
	return f.open
}

func (f *writeFar) Got(t *testing.T) (out []*hub.Message) {
	r := &run{Source: &Source{topic: f.topic}, env: &hub.Env{Clock: hub.RealClock{}}}
	for _, m := range f.read(f.topic, 1) {
		out = append(out, r.message(0, &record{offset: m.Offset, time: m.Time, key: m.Key, value: m.Value, headers: m.Headers}))
	}
	return out
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
	until(t, "the target does not recover", func() bool { // the hub's retries do that
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
}

func TestTargetSuite(t *testing.T) {
	hubtest.Target(t, hubtest.Features{MaxBody: 900 << 10, Headers: suiteHeaders, Classes: []hub.Class{hub.Unavailable, hub.Timeout, hub.Rejected}},
		func(t *testing.T) hubtest.TargetFar {
			s := newServer(t)
			return &writeFar{server: s, topic: s.topic(1)}
		})
}
