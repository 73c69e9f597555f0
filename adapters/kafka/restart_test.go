package kafka

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// TestBrokerRestart kills the broker under load and starts it again: nothing is lost.
func TestBrokerRestart(t *testing.T) {
	b := newBroker(t, nil)
	s := serverAt(t, b.addr)
	from, to := topicName(), topicName()
	s.create(from, 2)
	s.create(to, 2)
	const n = 4000
	var msgs []kafka.Message
	for i := range n {
		msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, i%100), Value: fmt.Append(nil, i)})
	}
	s.put(from, msgs...)
	a := s.adapter(nil)
	target := s.target(a, "topic "+to)
	src := s.source(a, "topic "+from, "g."+from, nil)
	var sent atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := src.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
				time.Sleep(20 * time.Millisecond)
				err := target.Send(ctx, m)
				if err == nil {
					sent.Add(1)
				}
				return err
			})); err != nil {
				time.Sleep(200 * time.Millisecond)
			}
		}
	}()
	for _, share := range []int32{n / 4, n / 2} {
		until(t, "the flow stopped", func() bool { return sent.Load() >= share })
		b.kill()
		time.Sleep(2 * time.Second)
		b.start()
	}
	up := time.Now()
	deadline := up.Add(60 * time.Second)
	for total := int64(0); total < n; time.Sleep(50 * time.Millisecond) {
		if total = 0; time.Now().After(deadline) {
			t.Fatal("not drained 60 s after the broker came back")
		}
		for _, at := range s.committed("g."+from, from, 2) {
			total += max(0, at)
		}
	}
	took := time.Since(up)
	cancel()
	<-done
	target.Close()
	values := map[int]bool{}
	for _, m := range s.read(to, 2) {
		i, _ := strconv.Atoi(string(m.Value))
		values[i] = true
	}
	if len(values) != n {
		t.Errorf("%d of %d arrived", len(values), n)
	}
	t.Logf("%d messages, broker killed twice: 0 lost, %d sent in all, drained %s after the last start", n, sent.Load(), took.Round(time.Millisecond))
}
