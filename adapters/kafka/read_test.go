package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/hubtest"
)

// seen counts what came.
type seen struct {
	mu   sync.Mutex
	msgs []*hub.Message
}

func (s *seen) add(m *hub.Message) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.msgs = append(s.msgs, m)
	return len(s.msgs)
}

func (s *seen) all() []*hub.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*hub.Message(nil), s.msgs...)
}

func (s *seen) take(_ context.Context, m *hub.Message) error { s.add(m); return nil }

func TestRecordsBecomeMessages(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	at := time.UnixMilli(1_790_000_000_123).UTC()
	s.put(topic,
		kafka.Message{Key: []byte("k1"), Value: []byte("one"), Time: at, Headers: []kafka.Header{
			{Key: "Content-Type", Value: []byte("text/plain")}, {Key: "hub-id", Value: []byte("w-1/2")}, {Key: "hub-correlation", Value: []byte("o-9")},
			{Key: "Sig", Value: []byte{0xff, 0}}}},
		kafka.Message{Key: []byte("k1"), Time: at},
		kafka.Message{Value: []byte{}, Time: at},
		kafka.Message{Key: []byte{0xff}, Value: []byte("x"), Time: at})
	var got seen
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Workers = 1 }), got.take)
	hubtest.Until(t, "not all came", func() bool { return len(got.all()) == 4 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	ms := got.all()
	slices.SortFunc(ms, func(a, b *hub.Message) int { return cmp.Compare(a.ID, b.ID) }) // different keys have no order
	first := ms[0]
	if !strings.HasPrefix(first.ID, topic+".") || !strings.HasSuffix(first.ID, ".0.0") || strings.Contains(first.ID, "/") || len(first.ID) != len(topic)+1+8+4 {
		t.Errorf("ID %q", first.ID)
	}
	if first.Key != "k1" || first.Correlation != "o-9" || !first.Time.Equal(at) || string(first.Body.Bytes()) != "one" {
		t.Errorf("first %+v", first)
	}
	if want := "map[content-type:text/plain hub-id:w-1/2 sig:/wA=]"; fmt.Sprint(first.Headers.With(broker.HeaderExact, "")) != want {
		t.Errorf("headers %v, want %s", first.Headers, want)
	}
	if m := ms[1]; m.Headers[headerTombstone] != "true" || m.Body.Len() != 0 {
		t.Errorf("tombstone %+v", m)
	}
	if m := ms[2]; m.Key != "" || m.Headers[headerTombstone] != "" || m.Body.Len() != 0 {
		t.Errorf("empty record without key %+v", m)
	}
	if m := ms[3]; m.Key != "/w==" {
		t.Errorf("binary key %q", m.Key)
	}
	if n := strings.Count(s.log.String(), "records without key"); n != 1 {
		t.Errorf("warned %d times of records without key", n)
	}
}

func TestOnlyFinishedPrefixIsCommitted(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	for i := range 10 {
		s.put(topic, kafka.Message{Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, i)})
	}
	group := "g." + topic
	release := make(chan struct{})
	var got seen
	var first sync.Map
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
		switch string(m.Body.Bytes()) {
		case "4": // runs on
			<-release
		case "6": // fails, and is tried again
			if _, again := first.LoadOrStore(m.ID, true); !again {
				return hub.Fail(hub.Unavailable, "test", "not now")
			}
		case "7": // wrong for good
			return hub.Fail(hub.Invalid, "decode", "no JSON")
		}
		got.add(m)
		return nil
	})
	hubtest.Until(t, "the others did not go on", func() bool { return len(got.all()) == 8 })
	hubtest.Until(t, "the finished prefix was not committed", func() bool { return s.committed(group, topic, 1)[0] == 4 })
	time.Sleep(10 * quickTimes.commit)
	if at := s.committed(group, topic, 1)[0]; at != 4 {
		t.Fatalf("committed %d while 4 is not finished", at)
	}
	close(release)
	hubtest.Until(t, "the end was not committed", func() bool { return s.committed(group, topic, 1)[0] == 10 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if log := s.log.String(); !strings.Contains(log, "record passed over") || !strings.Contains(log, "offset=7") {
		t.Errorf("the refused record is not told of: %s", log)
	}
}

// TestKilledSource stops a source without any farewell: the next one goes on where it had committed.
func TestKilledSource(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(2)
	group := "g." + topic
	const n = 3000
	var msgs []kafka.Message
	for i := range n {
		msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, i%50), Value: fmt.Append(nil, i)})
	}
	s.put(topic, msgs...)
	a := s.adapter(nil)
	p := newProxy(t, a)
	var mu sync.Mutex
	handled := map[string]int{}
	count := func(m *hub.Message) int {
		mu.Lock()
		defer mu.Unlock()
		handled[string(m.Body.Bytes())]++
		return len(handled)
	}
	killed := make(chan struct{})
	_, done := start(t, s.source(a, "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
		select {
		case <-killed:
			return hub.Fail(hub.Unavailable, "killed", "the process is gone")
		default:
		}
		if count(m) == n/3 {
			close(killed)
			p.set(true, true) // no word reaches the broker any more
			p.cut()
		}
		return nil
	})
	<-done
	before := s.committed(group, topic, 2)
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, group, nil), func(ctx context.Context, m *hub.Message) error {
		count(m)
		return nil
	})
	hubtest.Until(t, "records are lost", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(handled) == n
	})
	hubtest.Until(t, "the end was not committed", func() bool {
		c := s.committed(group, topic, 2)
		return c[0]+c[1] == n
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	twice := 0
	for _, k := range handled {
		if k > 1 {
			twice++
		}
	}
	t.Logf("killed after %d of %d, positions then %v; %d records came again", n/3, n, before, twice)
}

// TestOrderPerKey injects failures: the records of a key are taken in order all the same, and others are not held up.
func TestOrderPerKey(t *testing.T) {
	s := newServer(t)
	topic := s.topic(4)
	const keys, each = 50, 40
	var msgs []kafka.Message
	for i := range each {
		for k := range keys {
			msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, "k", k), Value: fmt.Append(nil, i)})
		}
	}
	s.put(topic, msgs...)
	var mu sync.Mutex
	next, tries, running := map[string]int{}, map[string]int{}, map[string]bool{}
	inversions, overlaps, failures, total := 0, 0, 0, 0
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil), func(ctx context.Context, m *hub.Message) error {
		mu.Lock()
		if running[m.Key] {
			overlaps++
		}
		running[m.Key] = true
		tries[m.ID]++
		fail := tries[m.ID] == 1 && len(tries)%20 == 0 // 5 %
		if !fail {
			if fmt.Sprint(next[m.Key]) != string(m.Body.Bytes()) {
				inversions++
			}
			next[m.Key]++
			total++
		} else {
			failures++
		}
		mu.Unlock()
		time.Sleep(100 * time.Microsecond)
		mu.Lock()
		delete(running, m.Key)
		mu.Unlock()
		if fail {
			return hub.Fail(hub.Unavailable, "injected", "injected")
		}
		return nil
	})
	hubtest.Until(t, "not all were taken", func() bool { mu.Lock(); defer mu.Unlock(); return total == keys*each })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if inversions+overlaps > 0 || failures == 0 {
		t.Errorf("%d inversions, %d overlaps, %d failures", inversions, overlaps, failures)
	}
	t.Logf("%d keys x %d records, %d injected failures: 0 inversions", keys, each, failures)
}

// TestBlockedKeyHoldsUpNoOther keeps one key failing.
func TestBlockedKeyHoldsUpNoOther(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	for i := range 100 {
		s.put(topic, kafka.Message{Key: fmt.Append(nil, "k", i%10), Value: fmt.Append(nil, i)})
	}
	var got seen
	stop, _ := start(t, s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Workers = 4 }), func(ctx context.Context, m *hub.Message) error {
		if m.Key == "k3" && string(m.Body.Bytes()) == "3" {
			return hub.Fail(hub.Unavailable, "blocked", "blocked")
		}
		got.add(m)
		return nil
	})
	// the window is 8: the blocked key fills it with 7 of its records at most, by then 70 others have come
	hubtest.Until(t, "a blocked key holds up others", func() bool { return len(got.all()) >= 60 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if at := s.committed("g."+topic, topic, 1)[0]; at != 3 {
		t.Errorf("committed %d, want 3", at)
	}
}

// TestWindow: no more than twice the workers are taken from the log.
func TestWindow(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	var msgs []kafka.Message
	for i := range 200 {
		msgs = append(msgs, kafka.Message{Value: fmt.Append(nil, i)})
	}
	s.put(topic, msgs...)
	release := make(chan struct{})
	inside := make(chan struct{}, 200)
	src := s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Workers = 5 })
	stop, _ := start(t, src, func(ctx context.Context, m *hub.Message) error {
		inside <- struct{}{}
		<-release
		return nil
	})
	for range 5 {
		<-inside
	}
	time.Sleep(50 * time.Millisecond)
	if n := len(inside); n != 0 {
		t.Errorf("%d handlers more than workers", n)
	}
	close(release)
	hubtest.Until(t, "the rest did not come", func() bool { return s.committed("g."+topic, topic, 1)[0] == 200 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
