package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// mixedGroup is a group of hubs and of members that are no hubs, and the topic that they read.
type mixedGroup struct {
	*server
	t                      *testing.T
	topic, group, protocol string
	kinds                  []func() *outsider // start one each
	here                   []*outsider
	hubs                   int
	left, died             int // members that were no hubs

	seen *handledBy
	put  sync.WaitGroup
	next int // records, those that are being put included
}

const (
	mixedParts = 7
	mixedBatch = 500 // records of a flow
)

func newMixedGroup(t *testing.T, protocol string) *mixedGroup {
	s := newServer(t)
	m := &mixedGroup{server: s, t: t, topic: s.topic(mixedParts), protocol: protocol, seen: &handledBy{nums: map[int]int{}}}
	m.group = "g." + m.topic
	s.dropGroup(m.group)
	all := outsiders(t, s.addr, protocol)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(all))) { // librdkafka first: the strictest one leads
		m.kinds = append(m.kinds, func() *outsider { return m.seen.join(t, name, all[name](m.topic, m.group)) })
	}
	return m
}

// flow puts records while the group is shared anew.
func (m *mixedGroup) flow() {
	m.put.Wait()
	first := m.next
	m.next += mixedBatch
	m.put.Go(func() {
		for i := 0; i < mixedBatch; i += mixedBatch / 10 {
			var msgs []kafka.Message
			for j := i; j < i+mixedBatch/10; j++ {
				msgs = append(msgs, kafka.Message{Key: fmt.Append(nil, "k", j%100), Value: fmt.Append(nil, first+j)})
			}
			m.server.put(m.topic, msgs...)
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// hub joins.
func (m *mixedGroup) hub() {
	m.hubs++
	src := m.source(m.adapter(nil), "topic "+m.topic, m.group, nil)
	feed(m.t, src, hub.HandlerFunc(func(_ context.Context, msg *hub.Message) error {
		time.Sleep(5 * time.Millisecond)
		m.seen.note(msg.Body.Bytes())
		return nil
	}))
}

// join lets one of each kind join.
func (m *mixedGroup) join() {
	m.t.Helper()
	for _, kind := range m.kinds {
		m.here = append(m.here, kind())
	}
	m.shared()
}

// shared waits until the members have all partitions, each its fair share.
func (m *mixedGroup) shared() {
	m.t.Helper()
	members := m.hubs + len(m.here)
	var has map[string]int
	var by string
	for end := time.Now().Add(2 * longEnough); !fair(has, members, mixedParts); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			for _, o := range m.here {
				m.t.Logf("%s: %d records\n%s", o.name, o.has(), o.err.String())
			}
			m.t.Fatalf("%d members, their shares of %d partitions: %v, by %q", members, mixedParts, has, by)
		}
		by, has = m.shares(m.group, m.topic)
	}
	if by != m.protocol && len(m.here) > 0 {
		m.t.Errorf("shared by %s, want %s", by, m.protocol)
	}
}

// part lets all that are no hubs go, each after some records of its share: every other one dies, the first of them when n is odd; the others leave.
func (m *mixedGroup) part(n int) {
	had := map[*outsider]int{}
	for _, o := range m.here {
		had[o] = o.has()
	}
	m.flow()
	for i, o := range m.here {
		hubtest.Until(m.t, o.name+" gets nothing of its share", func() bool { return o.has() > had[o] })
		if (i+n)%2 == 1 {
			m.died++
			o.end(syscall.SIGKILL)
		} else {
			m.left++
			o.end(syscall.SIGTERM)
		}
	}
	m.here = nil
	m.flow()
	m.shared()
}
