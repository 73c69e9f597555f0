package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub/hubtest"
)

// standIn answers Produce requests in the brokers' place, with the next of its codes, while there are some. It takes nothing.
type standIn struct {
	mu    sync.Mutex
	codes []kafka.Error
	asked int
}

func (s *standIn) next() (kafka.Error, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.codes) == 0 {
		return 0, false
	}
	code := s.codes[0]
	s.codes = s.codes[1:]
	s.asked++
	return code, true
}

// standing is a connection whose Produce requests the standIn answers.
type standing struct {
	net.Conn
	by     *standIn
	answer []byte
}

func (c *standing) Write(b []byte) (int, error) {
	if len(b) > 8 && protocol.ApiKey(binary.BigEndian.Uint16(b[4:])) == protocol.Produce {
		if code, ok := c.by.next(); ok {
			w := &wire{b: b[12:]}
			w.text()  // client
			w.take(8) // transaction, confirmations, time
			w.take(4) // one topic
			topic := w.text()
			w.take(4) // one partition
			partition := w.int32()
			a := binary.BigEndian.AppendUint32(nil, number)
			a = appendText(binary.BigEndian.AppendUint32(a, 1), topic)
			a = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(a, 1), uint32(partition))
			a = append(binary.BigEndian.AppendUint16(a, uint16(code)), make([]byte, 28)...)
			c.answer = append(binary.BigEndian.AppendUint32(nil, uint32(len(a))), a...)
			return len(b), nil
		}
	}
	return c.Conn.Write(b)
}

func (c *standing) Read(b []byte) (int, error) {
	if len(c.answer) > 0 {
		n := copy(b, c.answer)
		c.answer = c.answer[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func (s *server) standIn(a *Adapter, codes ...kafka.Error) *standIn {
	by := &standIn{codes: codes}
	a.dialBy(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &standing{Conn: c, by: by}, err
	})
	return by
}

// TestLeaderMoves: while a partition has no leader its records wait, and go in order when it has one.
func TestLeaderMoves(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	a := s.adapter(nil)
	by := s.standIn(a)
	target := s.target(a, "topic "+topic)
	if err := target.Send(t.Context(), message("0", "k", "0", nil)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		by.codes = append(by.codes, kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition)
	}
	var wg sync.WaitGroup
	for i := 1; i < 5; i++ {
		wg.Go(func() {
			if err := target.Send(t.Context(), message(fmt.Sprint(i), "k", fmt.Sprint(i), nil)); err != nil {
				t.Error(err)
			}
		})
		hubtest.Until(t, "it is not in line", func() bool {
			a.out.mu.Lock()
			defer a.out.mu.Unlock()
			o := a.out.topics[topic].outlets[0]
			return len(o.waiting) == i
		})
	}
	by.mu.Lock()
	by.codes = nil
	by.mu.Unlock()
	wg.Wait()
	var got []string
	for _, m := range s.read(topic, 1) {
		got = append(got, string(m.Value))
	}
	if strings.Join(got, "") != "01234" || by.asked < 1 {
		t.Errorf("%q, refused %d times", got, by.asked)
	}
}

// TestNoLeader: records wait for the time of a request, no longer, and can be taken back.
func TestNoLeader(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	a := s.adapter(func(c *Config) { c.Timeout = time.Second })
	by := s.standIn(a)
	for range 100 {
		by.codes = append(by.codes, kafka.NotLeaderForPartition)
	}
	target := s.target(a, "topic "+topic)
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := target.Send(short, message("1", "k", "1", nil)); reason(err) != "timeout timeout" {
		t.Errorf("a short time: %v", err)
	}
	if err := target.Send(t.Context(), message("2", "k", "2", nil)); reason(err) != "unavailable no_leader" {
		t.Errorf("a long time: %v", err)
	}
	if took := time.Since(begin); took < time.Second || took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	by.mu.Lock()
	by.codes = nil
	by.mu.Unlock()
	hubtest.Until(t, "nothing is sent any more", func() bool { return target.Send(t.Context(), message("3", "k", "3", nil)) == nil })
	for _, r := range s.read(topic, 1) {
		if string(r.Value) != "3" {
			t.Errorf("record %s was taken", r.Value)
		}
	}
}

// TestTopicDeleted: what waits for a topic that is gone is told so.
func TestTopicDeleted(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	target := s.target(s.adapter(nil), "topic "+topic)
	if err := target.Send(t.Context(), message("1", "k", "1", nil)); err != nil {
		t.Fatal(err)
	}
	s.delete(topic)
	hubtest.Until(t, "it is not told", func() bool {
		return reason(target.Send(t.Context(), message("2", "k", "2", nil))) == "unavailable no_topic"
	})
	s.create(topic, 3)
	hubtest.Until(t, "the new topic takes nothing", func() bool { return target.Send(t.Context(), message("3", "k", "3", nil)) == nil })
	if n := len(s.read(topic, 3)); n != 1 {
		t.Errorf("%d records", n)
	}
}
