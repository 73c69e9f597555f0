package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func message(id, key, body string, headers hub.Headers) *hub.Message {
	return &hub.Message{ID: id, Key: key, Time: time.Now(), Headers: headers, Body: hub.NewBody([]byte(body))}
}

func TestManySendersShareRequests(t *testing.T) {
	s := newServer(t)
	topic := s.topic(4)
	target := s.target(s.adapter(nil), "topic "+topic)
	const senders, each = 256, 40
	begin := time.Now()
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				if err := target.Send(t.Context(), message(fmt.Sprint(i, ".", j), fmt.Sprint("k", i), fmt.Sprint(j), nil)); err != nil {
					failed.Add(1)
					t.Log(err)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := target.Close(); err != nil || failed.Load() > 0 {
		t.Fatal(err, failed.Load(), "failed")
	}
	next := map[string]int{}
	homes := map[string]int{}
	all := s.read(topic, 4)
	for _, m := range all {
		if home, ok := homes[string(m.Key)]; ok && home != m.Partition {
			t.Errorf("key %s lies in two partitions", m.Key)
		}
		homes[string(m.Key)] = m.Partition
		if string(m.Value) != fmt.Sprint(next[string(m.Key)]) {
			t.Fatalf("key %s: %s, want %d", m.Key, m.Value, next[string(m.Key)])
		}
		next[string(m.Key)]++
	}
	if len(all) != senders*each {
		t.Errorf("%d records, want %d", len(all), senders*each)
	}
	t.Logf("%d records of %d senders in %s", len(all), senders, took.Round(time.Millisecond))
}

func TestTooLarge(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1, kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "20000"})
	target := s.target(s.adapter(func(c *Config) { c.MaxMessage = 64 << 10 }), "topic "+topic)
	defer target.Close()
	big := strings.Repeat("x", 70<<10)
	if err := target.Send(t.Context(), message("a", "", big, nil)); reason(err) != "rejected too_large" || !strings.Contains(err.Error(), "max_message") {
		t.Errorf("larger than max_message: %v", err)
	}
	if err := target.Send(t.Context(), message("b", "", big[:30<<10], nil)); reason(err) != "rejected too_large" {
		t.Errorf("larger than the topic's limit: %v", err)
	}
	// small ones that together are too large, beside one that is too large itself: only that one is refused
	var wg sync.WaitGroup
	var refused, failed atomic.Int32
	for i := range 100 {
		size := 1000
		if i == 50 {
			size = 30 << 10
		}
		wg.Go(func() {
			err := target.Send(t.Context(), message(fmt.Sprint("m", i), "", big[:size], nil))
			switch {
			case reason(err) == "rejected too_large":
				refused.Add(1)
			case err != nil:
				failed.Add(1)
				t.Log(err)
			}
		})
	}
	wg.Wait()
	if refused.Load() != 1 || failed.Load() != 0 {
		t.Errorf("%d refused, %d failed", refused.Load(), failed.Load())
	}
	if n := len(s.read(topic, 1)); n != 99 {
		t.Errorf("%d records, want 99", n)
	}
}

func TestSendMapping(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	target := s.target(s.adapter(nil), "topic "+topic)
	at := time.UnixMilli(1_790_000_000_123).UTC()
	m := &hub.Message{ID: "w-1/2", Key: "m", Correlation: "o-1", Time: at, Headers: hub.Headers{"key": "k", "x": "1", "kafka.tombstone": "no"}, Body: hub.NewBody([]byte("b"))}
	tomb := &hub.Message{ID: "w-2", Key: "k2", Time: at, Headers: hub.Headers{"kafka.tombstone": "true"}}
	empty := &hub.Message{ID: "w-3", Time: at}
	if err := errors.Join(target.Send(t.Context(), m), target.Send(t.Context(), tomb), target.Send(t.Context(), empty), target.Close()); err != nil {
		t.Fatal(err)
	}
	got := s.read(topic, 1)
	if len(got) != 3 {
		t.Fatalf("%d records", len(got))
	}
	if g := got[0]; string(g.Key) != "k" || string(g.Value) != "b" || !g.Time.Equal(at) || fmt.Sprint(g.Headers) != "[{x [49]} {hub-id [119 45 49 47 50]} {hub-correlation [111 45 49]}]" {
		t.Errorf("record %s %s %v %v", g.Key, g.Value, g.Time, g.Headers)
	}
	if g := got[1]; string(g.Key) != "k2" || g.Value != nil {
		t.Errorf("tombstone %q %v", g.Key, g.Value)
	}
	if g := got[2]; g.Key != nil || g.Value == nil {
		t.Errorf("empty record without key: %v %v", g.Key, g.Value)
	}
}

// TestWithdrawn: a record that waits behind a slow request is taken back when its sender gives up.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	a := s.adapter(nil)
	p := newProxy(t, a)
	target := s.target(a, "topic "+topic)
	if err := target.Send(t.Context(), message("first", "k", "1", nil)); err != nil {
		t.Fatal(err)
	}
	p.set(true, false) // requests are not answered
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	errs := make(chan error, 2)
	line := func() (flying, waiting int) {
		a.out.mu.Lock()
		defer a.out.mu.Unlock()
		for _, c := range a.out.couriers {
			flying += c.flying
		}
		return flying, len(a.out.topics[topic].outlets[0].waiting)
	}
	hubtest.Until(t, "the first request does not end", func() bool { flying, _ := line(); return flying == 0 })
	go func() { errs <- target.Send(ctx, message("sent", "k", "2", nil)) }()
	hubtest.Until(t, "it is not sent", func() bool { flying, waiting := line(); return flying == 1 && waiting == 0 })
	go func() { errs <- target.Send(ctx, message("behind", "k", "3", nil)) }()
	hubtest.Until(t, "it is not in line", func() bool { _, waiting := line(); return waiting == 1 })
	got := []string{reason(<-errs), reason(<-errs)}
	if fmt.Sprint(got) != "[timeout unconfirmed timeout timeout]" && fmt.Sprint(got) != "[timeout timeout timeout unconfirmed]" {
		t.Errorf("%q", got)
	}
	p.set(false, false)
	p.cut()
	target.Close()
	for _, m := range s.read(topic, 1) {
		if string(m.Value) == "3" {
			t.Error("a record that was taken back is there")
		}
	}
}

// TestCuts breaks all connections again and again, on both sides: every message arrives.
func TestCuts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	from, to := s.topic(2), s.topic(2)
	a := s.adapter(nil)
	p := newProxy(t, a)
	const n = 2000
	var msgs []kafka.Message
	for i := range n {
		msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, i%100), Value: fmt.Append(nil, i)})
	}
	s.put(from, msgs...)
	target := s.target(a, "topic "+to)
	var sent, failures atomic.Int32
	src := s.source(a, "topic "+from, "g."+from, nil)
	src.times.session = 6 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	runs, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil { // as the hub does
			runs++
			if err := src.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
				time.Sleep(5 * time.Millisecond)
				if err := target.Send(ctx, m); err != nil {
					failures.Add(1)
					return err
				}
				sent.Add(1)
				return nil
			})); err != nil {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}()
	for cuts := 0; cuts < 8 && sent.Load() < n; cuts++ {
		time.Sleep(120 * time.Millisecond)
		p.cut()
	}
	hubtest.Until(t, "messages are lost", func() bool {
		c := s.committed("g."+from, from, 2)
		return max(c[0], 0)+max(c[1], 0) == n
	})
	cancel()
	<-done
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	values := map[string]int{}
	for _, m := range s.read(to, 2) {
		values[string(m.Value)]++
	}
	if len(values) != n {
		t.Errorf("%d of %d arrived", len(values), n)
	}
	t.Logf("%d messages, 8 cuts, %d runs, %d failed sends: 0 lost, %d sent in all", n, runs, failures.Load(), sent.Load())
}
