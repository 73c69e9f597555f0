package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// replier is a pipeline that replies.
type replier func(ctx context.Context, m *hub.Message) (*hub.Message, error)

func (r replier) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) { return r(ctx, m) }
func (r replier) Handle(ctx context.Context, m *hub.Message) error {
	_, err := r(ctx, m)
	return err
}

// asking opens an adapter whose replies come by a topic of the test's own.
func (s *server) asking(topic string) *Adapter {
	s.t.Helper()
	s.drop(topic + ".replies")
	return s.adapter(func(c *Config) { c.ReplyTopic = topic + ".replies" })
}

func (s *server) caller(a *Adapter, op string) hub.Caller {
	s.t.Helper()
	c, err := a.OpenCaller(op)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func patiently(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// callTime is how long a request is waited for that nobody answers: long enough that it is sent, also on a machine that is busy.
const callTime = 3 * time.Second

// callFar is a service behind a topic, or behind a direct channel.
type callFar struct {
	*server
	topic string
	form  form
}

func (f *callFar) Open(t *testing.T) hub.Caller {
	a := f.asking(f.topic)
	if f.form == onTopic {
		return f.caller(a, "topic "+f.topic)
	}
	c, err := a.CarryCaller(hub.Carried{Name: f.topic, Type: "direct"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *callFar) Serve(t *testing.T, answer func(*hub.Message) (*hub.Message, error)) {
	src := f.source(f.adapter(nil), "topic "+f.topic, "g."+f.topic, nil)
	if f.form == onChannel {
		src = f.carry(f.adapter(nil), hub.Carried{Name: f.topic, Type: "direct"}, hub.Subscription{Hub: f.topic, Pipeline: "p"})
	}
	feed(t, src, replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		reply, err := answer(m)
		if err != nil { // it answers at once; the hub itself would try again first
			return hub.ErrorReply(m, hub.AsError(err)), nil
		}
		return reply, nil
	}))
}

func TestCallerSuite(t *testing.T) {
	features := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent", "x-shop"}, Classes: []hub.Class{hub.Rejected, hub.Unavailable, hub.Throttled}}
	for name, f := range map[string]form{"topic": onTopic, "channel": onChannel} {
		t.Run(name, func(t *testing.T) {
			hubtest.Caller(t, features, func(t *testing.T) hubtest.CallerFar {
				s := newServer(t)
				return &callFar{server: s, topic: s.topic(2), form: f}
			})
		})
	}
}

// TestHubAnswers: one hub asks, another answers, with replies and with errors.
func TestHubAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(2)
	var tries atomic.Int32
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		switch string(m.Body.Bytes()) {
		case "bad":
			return nil, hub.Fail(hub.Invalid, "schema", "no sku").Tell()
		case "bug":
			return nil, errors.New("secret detail")
		case "later":
			if tries.Add(1) < 3 {
				return nil, hub.Fail(hub.Unavailable, "down", "not now")
			}
		case "never":
			return nil, hub.Fail(hub.Unavailable, "down", "not now")
		case "large":
			return m.WithBody(hub.NewBody(make([]byte, 2<<20))), nil
		case "silent":
			return nil, nil
		}
		return m.WithBody(hub.NewBody([]byte("for "+m.Correlation))).WithHeader(hub.HeaderStatus, "201"), nil
	}))
	a := s.asking(topic)
	stock := s.caller(a, "topic "+topic)
	reply, err := stock.Call(patiently(t), message("1", "k", "lamp", nil).WithCorrelation("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Body.Bytes()) != "for order-1" || reply.Correlation != "order-1" || fmt.Sprint(reply.Headers) != "map[status:201]" || reply.ID == "" {
		t.Errorf("%+v", reply)
	}
	for _, c := range []struct{ body, want, text string }{
		{"bad", "invalid schema", "no sku"},
		{"bug", "bug bug", "internal error"},
		{"large", "rejected too_large", "max_message"},
		{"later", "none", ""},
	} {
		_, err := stock.Call(patiently(t), message("q-"+c.body, "k", c.body, nil))
		if reason(err) != c.want || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
	var wg sync.WaitGroup
	for _, body := range []string{"never", "silent"} {
		wg.Go(func() {
			short, cancel := context.WithTimeout(t.Context(), callTime)
			defer cancel()
			if _, err := stock.Call(short, message("q-"+body, body, body, nil)); reason(err) != "timeout timeout" || !strings.Contains(err.Error(), "no reply") {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
	wg.Wait()
	hubtest.Until(t, "requests that have expired hold up the group", func() bool {
		c := s.committed("g."+topic, topic, 2)
		return max(c[0], 0)+max(c[1], 0) == 7
	})
}

// TestForeignClients: a requester and a replier that keep to Spring's convention, each with a hub at the other end.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic, back := s.topic(1), s.topic(3)
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		if m.Headers[hub.HeaderReplyTo] != "topic "+back {
			t.Errorf("Return Address %q", m.Headers[hub.HeaderReplyTo])
		}
		return m.WithBody(hub.NewBody([]byte("hub's"))), nil
	}))
	id := []byte{0xff, 0, 0x80, 7} // a UUID is no text
	s.put(topic, kafka.Message{Value: []byte("?"), Headers: []kafka.Header{{Key: "kafka_replyTopic", Value: []byte(back)},
		{Key: "kafka_correlationId", Value: id}, {Key: "kafka_replyPartition", Value: []byte{0, 0, 0, 2}}}})
	var got []kafka.Message
	hubtest.Until(t, "no reply", func() bool { got = s.read(back, 3); return len(got) == 1 })
	if h := headersOf(got[0]); string(got[0].Value) != "hub's" || got[0].Partition != 2 || h["kafka_correlationId"] != string(id) || h["kafka_replyTopic"]+h["reply-to"] != "" {
		t.Errorf("%s in partition %d: %q", got[0].Value, got[0].Partition, h)
	}

	ask := s.topic(1)
	a := s.asking(ask)
	var wg sync.WaitGroup
	wg.Go(func() {
		reply, err := s.caller(a, "topic "+ask).Call(patiently(t), message("q-1", "", "?", nil))
		if err != nil || string(reply.Body.Bytes()) != "theirs" || reply.ID != hub.DeriveID("q-1", "reply") {
			t.Errorf("%+v %v", reply, err)
		}
	})
	hubtest.Until(t, "no request", func() bool { got = s.read(ask, 1); return len(got) == 1 })
	h := headersOf(got[0])
	if h["hub-expires"] == "" || h["reply-to"] != "topic "+h["kafka_replyTopic"] || h["hub-request"] != h["kafka_correlationId"] {
		t.Errorf("request %q", h)
	}
	s.put(h["kafka_replyTopic"], kafka.Message{Value: []byte("theirs"), Headers: []kafka.Header{{Key: "kafka_correlationId", Value: []byte(h["kafka_correlationId"])}}})
	wg.Wait()
}

func headersOf(m kafka.Message) map[string]string {
	out := map[string]string{}
	for _, h := range m.Headers {
		out[h.Key] = string(h.Value)
	}
	return out
}

// TestLateAndSecondReply: the first of two replies counts; others are dropped, counted and told of; those to other hubs are theirs.
func TestLateAndSecondReply(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	a := s.asking(topic)
	c := s.caller(a, "topic "+topic)
	answer := func(request int, bodies ...string) string {
		var got []kafka.Message
		hubtest.Until(t, "no request", func() bool { got = s.read(topic, 1); return len(got) == request })
		id := headersOf(got[request-1])["hub-request"]
		for _, body := range bodies {
			s.put(topic+".replies", kafka.Message{Value: []byte(body), Headers: []kafka.Header{{Key: "hub-request", Value: []byte(id)}}})
		}
		return id
	}
	call := func(patience time.Duration, id string) <-chan string {
		out := make(chan string, 1)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		t.Cleanup(cancel)
		go func() {
			if m, err := c.Call(ctx, message(id, "", "?", nil)); err != nil {
				out <- reason(err)
			} else {
				out <- string(m.Body.Bytes())
			}
		}()
		return out
	}
	s.create(topic+".replies", 1)
	s.put(topic+".replies", kafka.Message{Value: []byte("of old"), Headers: []kafka.Header{{Key: "hub-request", Value: []byte("x.1")}}})
	got := call(20*time.Second, "1")
	first := answer(1, "first", "second")
	if r := <-got; r != "first" {
		t.Errorf("got %q", r)
	}
	hubtest.Until(t, "the second reply was not counted", func() bool { return a.late.Count() == 1 })
	got = call(callTime, "2")
	if r := <-got; r != "timeout timeout" {
		t.Errorf("got %q", r)
	}
	answer(2, "late")
	hubtest.Until(t, "the late reply was not counted", func() bool { return a.late.Count() == 2 })
	if log := s.log.String(); !strings.Contains(log, "event=late_reply") {
		t.Error(log)
	}
	got = call(20*time.Second, "2") // again, and not answered by the late one
	if again := answer(3, "in time"); again == first {
		t.Error("the next attempt can't be told from the one before")
	}
	if r := <-got; r != "in time" {
		t.Errorf("got %q", r)
	}
}

// TestCallsWhileConnectionsBreak: replies that come meanwhile are read afterwards.
func TestCallsWhileConnectionsBreak(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(2)
	a := s.asking(topic)
	p := newProxy(t, a)
	release := make(chan struct{})
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		<-release
		return m, nil
	}))
	c := s.caller(a, "topic "+topic)
	got := make(chan error, 1)
	go func() {
		_, err := c.Call(patiently(t), message("1", "", "?", nil))
		got <- err
	}()
	hubtest.Until(t, "no request", func() bool { return len(s.read(topic, 2)) == 1 })
	hubtest.Until(t, "the request is not confirmed", func() bool {
		a.out.mu.Lock()
		defer a.out.mu.Unlock()
		for _, c := range a.out.couriers {
			if c.flying > 0 {
				return false
			}
		}
		return true
	})
	p.set(false, true)
	p.cut()
	close(release)
	hubtest.Until(t, "no reply", func() bool { return len(s.read(topic+".replies", 1)) == 1 })
	ctx := patiently(t)
	hubtest.Until(t, "what is not sent costs an attempt", func() bool {
		_, err := c.Call(ctx, message("2", "", "?", nil))
		return reason(err) == "unavailable not_connected"
	})
	p.set(false, false)
	if err := <-got; err != nil {
		t.Error(err)
	}
	if n := len(s.read(topic, 2)); n != 1 {
		t.Errorf("%d requests arrived", n)
	}
}

// TestManyCalls: replies go to whoever asked.
func TestManyCalls(t *testing.T) {
	s := newServer(t)
	topic := s.topic(4)
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	c := s.caller(s.asking(topic), "topic "+topic)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for i := range 32 {
		wg.Go(func() {
			for j := range 20 {
				body := fmt.Sprint(i, " ", j)
				begin := time.Now()
				reply, err := c.Call(patiently(t), message(body, "", body, nil))
				if err != nil || string(reply.Body.Bytes()) != body {
					t.Errorf("%s: %v %v", body, reply, err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	t.Logf("%d calls, half within %s", len(took), took[len(took)/2])
}

// TestRequesterGone: a reply that can't be delivered is dropped, and the group goes on.
func TestRequesterGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	var n atomic.Int32
	feed(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		n.Add(1)
		return m, nil
	}))
	s.put(topic, kafka.Message{Value: []byte("?"), Headers: []kafka.Header{{Key: "reply-to", Value: []byte("topic " + topic + ".gone")},
		{Key: "hub-expires", Value: []byte(time.Now().Add(callTime).UTC().Format(time.RFC3339Nano))}}},
		kafka.Message{Value: []byte("?"), Headers: []kafka.Header{{Key: "reply-to", Value: []byte("queue x")}}}) // not ours
	hubtest.Until(t, "the group does not go on", func() bool { return s.committed("g."+topic, topic, 1)[0] == 2 })
	if n.Load() != 2 || !strings.Contains(s.log.String(), "event=late_reply") {
		t.Errorf("handled %d times: %s", n.Load(), s.log.String())
	}
}
