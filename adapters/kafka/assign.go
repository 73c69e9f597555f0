package kafka

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	kafka "github.com/segmentio/kafka-go"
)

// The ways to share partitions that Kafka's own clients know, best liked first; a group uses one that all of its members know. In all of them
// we give up what we have before we join again, as a member of a cooperative group may.
const (
	rangeProtocol       = "range"
	cooperativeProtocol = "cooperative-sticky"
)

var protocols = []string{rangeProtocol, "roundrobin", "sticky", cooperativeProtocol}

func protocolNames() string { return strings.Join(protocols, ", ") }

// assign distributes the partitions of all topics among the members that want them. The counts have the number of
// partitions by topic; the result has the partitions by member and topic.
func assign(protocol string, members []member, counts map[string]int) map[string]map[string][]int {
	if protocol == rangeProtocol {
		return assignRanges(members, counts)
	}
	out, load := map[string]map[string][]int{}, map[string]int{} // load: partitions of a member in all topics
	for _, m := range members {
		out[m.id] = map[string][]int{}
	}
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		var readers []string
		for _, m := range members {
			if slices.Contains(m.topics, topic) {
				readers = append(readers, m.id)
			}
		}
		slices.Sort(readers)
		owners := map[int][]string{}
		if protocol == cooperativeProtocol {
			owners = ownersOf(topic, members)
		}
		for p, id := range distribute(counts[topic], readers, owners, load) {
			if o := owners[p]; len(o) == 0 || len(o) == 1 && o[0] == id {
				out[id][topic] = append(out[id][topic], p)
			} // else its owner gives it up first and joins again, as the cooperative protocol demands
		}
	}
	return out
}

// assignRanges gives each member a range of neighbouring partitions. A partition number goes to one member in all
// topics that have as many partitions.
func assignRanges(members []member, counts map[string]int) map[string]map[string][]int {
	var all []kafka.GroupMember
	for _, m := range members {
		all = append(all, kafka.GroupMember{ID: m.id, Topics: m.topics})
	}
	var partitions []kafka.Partition
	for topic, n := range counts {
		for i := range n {
			partitions = append(partitions, kafka.Partition{Topic: topic, ID: i})
		}
	}
	return kafka.RangeGroupBalancer{}.AssignGroups(all, partitions)
}

// ownersOf returns the members that have the partitions of a topic. What a member has from an older generation than others is no longer its own.
func ownersOf(topic string, members []member) map[int][]string {
	newest := int32(-1)
	for _, m := range members {
		newest = max(newest, m.generation)
	}
	owners := map[int][]string{}
	for _, m := range members {
		if m.generation >= 0 && m.generation < newest {
			continue
		}
		for _, p := range m.owns[topic] {
			owners[p] = append(owners[p], m.id)
		}
	}
	return owners
}

// distribute shares n partitions out among readers as evenly as possible, and returns who is to have each. A member keeps a partition that it
// has, up to its fair share.
func distribute(n int, readers []string, owners map[int][]string, load map[string]int) []string {
	if len(readers) == 0 {
		return nil
	}
	to, has := make([]string, n), map[string]int{}
	least, extra := n/len(readers), n%len(readers) // so many may have one more
	mayHave := func(id string) bool { return has[id] < least || has[id] == least && extra > 0 }
	give := func(p int, id string) {
		if has[id] == least {
			extra--
		}
		has[id]++
		load[id]++
		to[p] = id
	}
	for p := range n {
		if o := owners[p]; len(o) == 1 && mayHave(o[0]) && slices.Contains(readers, o[0]) {
			give(p, o[0])
		}
	}
	for p := range n {
		if to[p] != "" {
			continue
		}
		best := ""
		for _, id := range readers {
			if mayHave(id) && (best == "" || cmp.Or(cmp.Compare(has[id], has[best]), cmp.Compare(load[id], load[best])) < 0) {
				best = id
			}
		}
		give(p, best)
	}
	return to
}

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

// subscribe encodes our subscription in version 1, which says that we keep no partitions while we join. As the leader
// of a cooperative group, librdkafka crashes on a version 0.
func subscribe(topic string) []byte {
	b := []byte{0, 1, 0, 0, 0, 1} // version, one topic
	b = append(appendText(b, topic), none...)
	return append(b, 0, 0, 0, 0) // partitions of no topic
}

// none is the length of a byte string that is absent.
var none = []byte{0xff, 0xff, 0xff, 0xff}

// parseSubscription decodes what a member wants, in any version: later ones only add fields at the end.
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

// appendAssignment encodes an assignment in version 0, which all clients read.
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

// parseAssignment returns the partitions of a topic in an assignment. A leader may send no bytes to a member that gets nothing.
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

// partitions reads lists of partitions by topic.
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
