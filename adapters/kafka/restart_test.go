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
	"orderhub/hub/hubtest"
)

// TestBrokerRestart kills the broker under load and starts it again: nothing is lost.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	b := ownBroker(t)
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
	src.times.session = 2 * time.Second
	var sent, failed atomic.Int32 // messages; sends and runs of the source
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
				} else {
					failed.Add(1)
				}
				return err
			})); err != nil {
				failed.Add(1)
				time.Sleep(200 * time.Millisecond)
			}
		}
	}()
	for _, share := range []int32{n / 4, n / 2} {
		hubtest.Until(t, "the flow stopped", func() bool { return sent.Load() >= share })
		b.kill()
		before := failed.Load()
		hubtest.Until(t, "nobody sees that the broker is gone", func() bool { return failed.Load() > before })
		if err := b.start(); err != nil {
			t.Fatal(err)
		}
	}
	up := time.Now()
	hubtest.Until(t, "not drained after the broker came back", func() bool {
		total := int64(0)
		for _, at := range s.committed("g."+from, from, 2) {
			total += max(0, at)
		}
		return total == n
	})
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
