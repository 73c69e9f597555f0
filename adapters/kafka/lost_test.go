package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// deleteRecords is a DeleteRecords request, version 1, which the library doesn't have.
type deleteRecords struct {
	topic  string
	before int64
}

func (*deleteRecords) ApiKey() protocol.ApiKey                 { return protocol.DeleteRecords }
func (*deleteRecords) Required(map[protocol.ApiKey]int16) bool { return true }

func (d *deleteRecords) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var b bytes.Buffer
	for _, v := range []any{int16(protocol.DeleteRecords), int16(1), int32(1), int16(-1), int32(1), int16(len(d.topic)), []byte(d.topic),
		int32(1), int32(0), d.before, int32(10_000)} {
		binary.Write(&b, binary.BigEndian, v)
	}
	if _, err := rw.Write(append(binary.BigEndian.AppendUint32(nil, uint32(b.Len())), b.Bytes()...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(rw, answer); err != nil {
		return nil, err
	}
	if code := binary.BigEndian.Uint16(answer[len(answer)-2:]); code != 0 {
		return nil, kafka.Error(code)
	}
	return d, nil
}

func (s *server) deleteBefore(topic string, offset int64) {
	s.t.Helper()
	if _, err := s.admin.Transport.RoundTrip(context.Background(), kafka.TCP(s.addr), &deleteRecords{topic, offset}); err != nil {
		s.t.Fatal(err)
	}
}

// number writes records, each with a key of its own.
func (s *server) number(topic string, from, to int) {
	s.t.Helper()
	var msgs []kafka.Message
	for i := from; i < to; i++ {
		msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, i)})
	}
	s.put(topic, msgs...)
}

// lowest is the first of the numbers that came.
func lowest(ms []*hub.Message) int {
	low := math.MaxInt
	for _, m := range ms {
		n, _ := strconv.Atoi(string(m.Body.Bytes()))
		low = min(low, n)
	}
	return low
}

// readSome reads until n records are committed.
func (s *server) readSome(src *Source, n int64) []*hub.Message {
	s.t.Helper()
	var got seen
	stop, _ := start(s.t, src, got.take)
	hubtest.Until(s.t, "the records were not committed", func() bool { return s.committed(src.group, src.topic, 1)[0] == n })
	if err := stop(); err != nil {
		s.t.Fatal(err)
	}
	return got.all()
}

func TestOffsetLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ onLost, want string }{{lostStop, ""}, {lostEarliest, "50"}, {lostLatest, "60"}} {
		t.Run(c.onLost, func(t *testing.T) {
			s := newServer(t)
			topic := s.topic(1)
			a := s.adapter(nil)
			src := s.source(a, "topic "+topic, "g."+topic, func(cfg *SourceConfig) { cfg.OnLost = c.onLost })
			s.number(topic, 0, 12)
			s.readSome(src, 12)
			s.number(topic, 12, 60)
			s.deleteBefore(topic, 50)
			if c.want == "" {
				for range 2 {
					err := src.Run(t.Context(), hub.HandlerFunc((&seen{}).take))
					if reason(err) != "rejected needs_decision" || !strings.Contains(err.Error(), "offset 12 lost, log starts at 50; set on_lost") {
						t.Errorf("Run: %v", err)
					}
				}
				if at := s.committed("g."+topic, topic, 1)[0]; at != 12 {
					t.Errorf("the position is now %d", at)
				}
				return
			}
			var got seen
			stop, _ := start(t, src, got.take)
			hubtest.Until(t, "the group does not go on", func() bool { return s.committed(src.group, topic, 1)[0] == 60 })
			s.number(topic, 60, 61)
			hubtest.Until(t, "what came after did not come", func() bool { return s.committed(src.group, topic, 1)[0] == 61 })
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if first := lowest(got.all()); fmt.Sprint(first) != c.want {
				t.Errorf("went on at %d, want %s", first, c.want)
			}
		})
	}
}

// TestOffsetLostWhileReading: the log is cut before a source that is held up.
func TestOffsetLostWhileReading(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	s.number(topic, 0, 100)
	src := s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Workers, c.MaxBytes = 1, 1024 })
	inside, release := make(chan struct{}, 10_000), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		result <- src.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
			inside <- struct{}{}
			<-release
			return nil
		}))
	}()
	<-inside
	for i := range 20 {
		s.number(topic, 100+100*i, 200+100*i)
	}
	s.deleteBefore(topic, 2000)
	close(release)
	if err := <-result; reason(err) != "rejected needs_decision" || !strings.Contains(err.Error(), "log starts at 2000") {
		t.Errorf("Run: %v", err)
	}
}

func TestTopicRecreated(t *testing.T) {
	t.Parallel()
	for _, onLost := range []string{lostStop, lostEarliest} {
		t.Run(onLost, func(t *testing.T) {
			s := newServer(t)
			topic := s.topic(1)
			src := s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(cfg *SourceConfig) { cfg.OnLost = onLost })
			s.number(topic, 0, 5)
			old := s.readSome(src, 5)
			s.delete(topic)
			// the broker forgets the group's position a moment later: were the topic there again by then, it would forget the new position instead
			hubtest.Until(t, "the position in the deleted topic stays", func() bool { return s.committed(src.group, topic, 1)[0] < 0 })
			s.create(topic, 1)
			s.number(topic, 100, 120) // more than before: the old position is inside the new log
			if onLost == lostStop {
				for range 2 {
					if err := src.Run(t.Context(), hub.HandlerFunc((&seen{}).take)); reason(err) != "rejected needs_decision" || !strings.Contains(err.Error(), "made anew") {
						t.Errorf("Run: %v", err)
					}
				}
				return
			}
			fresh := s.readSome(src, 20)
			if len(fresh) != 20 || lowest(fresh) != 100 {
				t.Errorf("%d records, first %d", len(fresh), lowest(fresh))
			}
			if fresh[0].ID == old[0].ID {
				t.Errorf("the IDs of another topic come again: %s", fresh[0].ID)
			}
		})
	}
}

// TestTopicRecreatedWhileReading: the running source stops, and a new process of the hub stops as well.
func TestTopicRecreatedWhileReading(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	s.number(topic, 0, 5)
	src := s.source(s.adapter(nil), "topic "+topic, "g."+topic, nil)
	var got seen
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- src.Run(ctx, hub.HandlerFunc(got.take)) }()
	hubtest.Until(t, "nothing was read", func() bool { return s.committed(src.group, topic, 1)[0] == 5 })
	s.delete(topic)
	s.create(topic, 1)
	err := <-result
	for reason(err) == "unavailable no_topic" { // seen between the two
		err = src.Run(ctx, hub.HandlerFunc(got.take))
	}
	if reason(err) != "rejected needs_decision" {
		t.Fatalf("Run: %v", err)
	}
}

// TestForeignMark: a position that was committed for another topic of the name is found by its ID, also by a new process. What other clients
// write beside their positions is no such ID.
func TestForeignMark(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	s.number(topic, 0, 9)
	commit := func(group, metadata string) *Source {
		_, err := s.admin.OffsetCommit(context.Background(), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: 4, Metadata: metadata}}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.source(s.adapter(nil), "topic "+topic, group, nil)
	}
	if err := commit("ours."+topic, prefixTopicID+"AAAAAAAAAAAAAAAAAAAAAA").Run(t.Context(), hub.HandlerFunc((&seen{}).take)); reason(err) != "rejected needs_decision" {
		t.Errorf("Run: %v", err)
	}
	if got := s.readSome(commit("theirs."+topic, "by the billing service"), 9); len(got) != 5 {
		t.Errorf("%d records came behind a foreign position, want 5", len(got))
	}
}

func TestStartLast(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	s.number(topic, 0, 5)
	src := s.source(s.adapter(nil), "topic "+topic, "g."+topic, func(c *SourceConfig) { c.Start = startLast })
	if got := s.readSome(src, 5); len(got) != 0 {
		t.Errorf("%d old records came", len(got))
	}
	s.number(topic, 5, 8) // while nobody reads
	if got := s.readSome(src, 8); len(got) != 3 {
		t.Errorf("%d records came, want 3", len(got))
	}
}

func TestMissingTopic(t *testing.T) {
	s := newServer(t)
	name := topicName()
	err := s.source(s.adapter(nil), "topic "+name, "g."+name, nil).Run(t.Context(), hub.HandlerFunc((&seen{}).take))
	if reason(err) != "unavailable no_topic" {
		t.Errorf("Run: %v", err)
	}
	target := s.target(s.adapter(nil), "topic "+name)
	defer target.Close()
	if err := target.Send(t.Context(), &hub.Message{ID: "1"}); reason(err) != "unavailable no_topic" {
		t.Errorf("Send: %v", err)
	}
	s.drop(name)
	made := s.target(s.adapter(func(c *Config) { c.Create = Create{When: createAlways, Partitions: 3} }), "topic "+name)
	defer made.Close()
	hubtest.Until(t, "no message is taken", func() bool { return made.Send(t.Context(), &hub.Message{ID: "1"}) == nil }) // leaders are elected
	if n := len(s.read(name, 3)); n != 1 {
		t.Errorf("%d records", n)
	}
}
