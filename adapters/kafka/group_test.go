package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// floor watches the committed positions of a group: they must never move back.
type floor struct {
	moved int
	stop  chan struct{}
	done  sync.WaitGroup
}

func watchFloor(s *server, group, topic string, partitions int) *floor {
	f := &floor{stop: make(chan struct{})}
	f.done.Go(func() {
		last := make([]int64, partitions)
		for {
			select {
			case <-f.stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			for p, at := range s.committed(group, topic, partitions) {
				if at < 0 {
					continue
				}
				if at < last[p] {
					s.t.Errorf("partition %d: committed %d after %d", p, at, last[p])
				}
				if at > last[p] {
					f.moved++
				}
				last[p] = at
			}
		}
	})
	return f
}

func (f *floor) end() int {
	close(f.stop)
	f.done.Wait()
	return f.moved
}

// TestRebalance: sources come and go in one group while records flow.
func TestRebalance(t *testing.T) {
	s := newServer(t)
	const keys, parts = 200, 4
	topic := s.topic(parts)
	group := "g." + topic
	f := watchFloor(s, group, topic, parts)
	var mu sync.Mutex
	handled, running := map[string]int{}, map[string]bool{}
	last := map[string]int{} // the newest record of a key, to count inversions of first effects
	overlaps, inversions := 0, 0
	h := func(ctx context.Context, m *hub.Message) error {
		var i int
		fmt.Sscan(string(m.Body.Bytes()), &i)
		mu.Lock()
		if running[m.Key] {
			overlaps++
		}
		running[m.Key] = true
		mu.Unlock()
		time.Sleep(8 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		delete(running, m.Key)
		if handled[m.ID]++; handled[m.ID] == 1 {
			if i < last[m.Key] {
				inversions++
			}
			last[m.Key] = i
		}
		return nil
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(handled) }
	stopA, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), h)
	written := make(chan int)
	enough := make(chan struct{})
	go func() { // for as long as members come and go, so that each finds something to do
		n := 0
		defer func() { written <- n }()
		for {
			select {
			case <-enough:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if n-count() > 2000 { // so many wait already
				continue
			}
			var msgs []kafka.Message
			for j := n; j < n+500; j++ {
				msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, "k", j%keys), Value: fmt.Append(nil, j), Topic: topic})
			}
			if err := s.writer.WriteMessages(context.Background(), msgs...); err != nil {
				t.Error(err)
			}
			n += 500
		}
	}()
	rebalances := 0
	for range 5 {
		share := count() + 1000
		hubtest.Until(t, "the flow stopped", func() bool { return count() >= share })
		var taken atomic.Int32
		stopB, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
			taken.Add(1)
			return h(ctx, m)
		})
		hubtest.Until(t, "the second member got nothing", func() bool { return taken.Load() >= 200 })
		if err := stopB(); err != nil {
			t.Fatal(err)
		}
		rebalances += 2
	}
	close(enough)
	n := <-written
	hubtest.Until(t, "records are lost", func() bool { return count() == n })
	hubtest.Until(t, "the end was not committed", func() bool {
		total := int64(0)
		for _, at := range s.committed(group, topic, parts) {
			total += at
		}
		return total == int64(n)
	})
	if err := stopA(); err != nil {
		t.Fatal(err)
	}
	moved := f.end()
	twice := 0
	for _, k := range handled {
		if k > 1 {
			twice++
		}
	}
	if overlaps+inversions > 0 {
		t.Errorf("%d overlaps, %d inversions", overlaps, inversions)
	}
	t.Logf("%d records, %d rebalances: all handled, %d twice, 0 overlaps, 0 inversions; positions moved on %d times, back never", n, rebalances, twice, moved)
}

// TestRebalanceWhileHandlersRun: a member that joins waits for the handlers that run, up to the drain.
func TestRebalanceWhileHandlersRun(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(2)
	group := "g." + topic
	s.put(topic, kafka.Message{Key: []byte("a"), Value: []byte("slow")})
	inside := make(chan struct{})
	var mu sync.Mutex
	ends, others := 0, 0
	slow := s.source(s.adapter(nil), "topic "+topic, group, nil)
	slow.times.drain = time.Second
	stopA, _ := start(t, slow, func(ctx context.Context, m *hub.Message) error {
		mu.Lock()
		begun := ends > 0
		mu.Unlock()
		if begun {
			return nil
		}
		close(inside)
		<-ctx.Done() // a handler that is told to give up
		mu.Lock()
		ends++
		mu.Unlock()
		return hub.AsError(ctx.Err())
	})
	<-inside
	stopB, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if ends == 0 {
			t.Error("the record is handled twice at once")
		}
		others++
		return nil
	})
	hubtest.Until(t, "the record was not finished by anyone", func() bool {
		c := s.committed(group, topic, 2)
		return max(c[0], 0)+max(c[1], 0) == 1
	})
	if err := stopA(); err != nil {
		t.Error(err)
	}
	if err := stopB(); err != nil {
		t.Error(err)
	}
}

// TestStopWhileOthersRebalance: Run ends soon, although the group waits for another member.
func TestStopWhileOthersRebalance(t *testing.T) {
	s := newServer(t)
	topic := s.topic(2)
	group := "g." + topic
	s.put(topic, kafka.Message{Key: []byte("a"), Value: []byte("slow")})
	inside, release := make(chan struct{}), make(chan struct{})
	stopA, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
		select {
		case inside <- struct{}{}:
		default:
		}
		<-release
		return nil
	})
	<-inside
	b := s.source(s.adapter(nil), "topic "+topic, group, nil)
	b.times.leave, b.times.rebalance = 300*time.Millisecond, time.Minute
	stopB, _ := start(t, b, func(ctx context.Context, m *hub.Message) error { return nil })
	hubtest.Until(t, "the broker does not wait for A", func() bool { state, _ := s.shares(group, topic); return state == "PreparingRebalance" })
	begin := time.Now()
	if err := stopB(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Run ended after %s", took)
	}
	close(release)
	if err := stopA(); err != nil {
		t.Error(err)
	}
}

// TestNewPartitions are read soon, by a source that runs.
func TestNewPartitions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	var got seen
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), got.take)
	s.put(topic, kafka.Message{Value: []byte("old")})
	hubtest.Until(t, "the first did not come", func() bool { return len(got.all()) == 1 })
	r, err := s.admin.CreatePartitions(context.Background(), &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}}})
	if err != nil || r.Errors[topic] != nil {
		t.Fatal(err, r.Errors)
	}
	for p := range 3 {
		hubtest.Until(t, "no write to the new partition", func() bool {
			r, err := s.admin.Produce(context.Background(), &kafka.ProduceRequest{Topic: topic, Partition: p, RequiredAcks: kafka.RequireAll,
				Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("new"))})})
			return err == nil && r.Error == nil
		})
	}
	hubtest.Until(t, "records of new partitions did not come", func() bool { return len(got.all()) == 4 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
