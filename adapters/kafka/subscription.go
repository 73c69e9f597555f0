package kafka

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// What members of a group tell each other through its coordinator: each what it wants to read (a subscription), the leader what each has
// (an assignment). All clients of Kafka agree on these bytes (type "consumer").
const protocolType = "consumer"

// member is a member of the group as its leader sees it.
type member struct {
	id         string
	topics     []string
	owns       map[string][]int // what it has kept while it joined: members of a cooperative protocol do
	generation int32            // that it has them from; -1: not told
}

// subscribe is our subscription, in version 1: it says that we keep no partitions while we join. librdkafka dies of a version 0 in a
// cooperative group that it leads.
func subscribe(topic string) []byte {
	b := []byte{0, 1, 0, 0, 0, 1} // version, one topic
	b = append(appendText(b, topic), none...)
	return append(b, 0, 0, 0, 0) // partitions of no topic
}

// none is the length of bytes that are not there.
var none = []byte{0xff, 0xff, 0xff, 0xff}

// parseSubscription reads what a member wants, in any version: later ones only add fields at the end.
func parseSubscription(id string, b []byte) (member, error) {
	m, w := member{id: id, generation: -1}, &wire{b: b}
	version := w.int16()
	for range w.array() {
		m.topics = append(m.topics, w.text())
	}
	w.take(max(0, int(w.int32()))) // the client's own data
	if version >= 1 && len(w.b) > 0 {
		m.owns = w.partitions()
	}
	if version >= 2 && len(w.b) > 0 {
		m.generation = w.int32()
	}
	if w.bad {
		return m, fmt.Errorf("the subscription of member %s can't be read", id)
	}
	return m, nil
}

// appendAssignment adds an assignment in version 0, which all clients read.
func appendAssignment(b []byte, topics map[string][]int) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 0, 0), uint32(len(topics)))
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		b = binary.BigEndian.AppendUint32(appendText(b, topic), uint32(len(topics[topic])))
		for _, p := range topics[topic] {
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
	}
	return append(b, none...)
}

// parseAssignment gives the partitions of a topic in an assignment; a leader may give no bytes to who gets nothing.
func parseAssignment(b []byte, topic string) ([]int, error) {
	if len(b) == 0 {
		return nil, nil
	}
	w := &wire{b: b}
	w.int16()
	out := w.partitions()[topic]
	if w.bad {
		return nil, fmt.Errorf("the group's leader assigned what can't be read")
	}
	return out, nil
}

// partitions are lists of partitions by topic.
func (w *wire) partitions() map[string][]int {
	out := map[string][]int{}
	for range w.array() {
		topic := w.text()
		for range w.array() {
			out[topic] = append(out[topic], int(w.int32()))
		}
	}
	return out
}
