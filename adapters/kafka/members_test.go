package kafka

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

const confluentKafka = "confluent-kafka==2.16.1" // librdkafka

// outsider is a member of a group that is no hub.
type outsider struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	err  hubtest.Log
	seen *handledBy
	took int        // records; of seen.mu
	done chan error // its end
}

// handledBy counts the records that each of a test's members had.
type handledBy struct {
	mu   sync.Mutex
	nums map[int]int
}

func (h *handledBy) note(value []byte) {
	i, err := strconv.Atoi(string(value))
	if err == nil {
		h.mu.Lock()
		h.nums[i]++
		h.mu.Unlock()
	}
}

func (h *handledBy) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.nums)
}

// outsiders start a member of each kind that knows a protocol.
func outsiders(t *testing.T, addr, protocol string) map[string]func(topic, group string) *exec.Cmd {
	python, console := needPython(t), needConsole(t)
	rdkafka := need(t, confluentKafka, func(dir string) *exec.Cmd {
		return exec.Command("python3", "-m", "pip", "install", "--quiet", "--target", dir, confluentKafka)
	})
	const pkg = "org.apache.kafka.clients.consumer."
	java := map[string]string{"range": pkg + "RangeAssignor," + pkg + "CooperativeStickyAssignor", "roundrobin": pkg + "RoundRobinAssignor",
		"sticky": pkg + "StickyAssignor", "cooperative-sticky": pkg + "CooperativeStickyAssignor"}[protocol]
	at := func(path string) func(string, ...string) *exec.Cmd {
		return func(program string, args ...string) *exec.Cmd {
			cmd := exec.Command(program, args...)
			cmd.Env = append(os.Environ(), "PYTHONPATH="+path)
			return cmd
		}
	}
	all := map[string]func(topic, group string) *exec.Cmd{
		"java": func(topic, group string) *exec.Cmd {
			return at("")("testdata/console", console, "member", addr, topic, group, java)
		},
		"kafka-python": func(topic, group string) *exec.Cmd {
			return at(python)("python3", "testdata/client.py", addr, "member", topic, group, protocol)
		},
		"librdkafka": func(topic, group string) *exec.Cmd {
			return at(rdkafka)("python3", "testdata/rdkafka.py", addr, topic, group, protocol)
		},
	}
	if protocol == "sticky" { // librdkafka has only the cooperative one
		delete(all, "librdkafka")
	}
	return all
}

func (h *handledBy) join(t *testing.T, name string, cmd *exec.Cmd) *outsider {
	o := &outsider{t: t, name: name, cmd: cmd, seen: h, done: make(chan error, 1)}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &o.err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			h.note(lines.Bytes())
			h.mu.Lock()
			o.took++
			h.mu.Unlock()
		}
		o.done <- cmd.Wait()
	}()
	t.Cleanup(func() { cmd.Process.Kill() })
	return o
}

// has is how many records it has had; a member that has ended by itself fails the test.
func (o *outsider) has() int {
	select {
	case err := <-o.done:
		o.t.Fatalf("%s ended by itself: %v\n%s", o.name, err, o.err.String())
	default:
	}
	o.seen.mu.Lock()
	defer o.seen.mu.Unlock()
	return o.took
}

// end makes it leave, or kills it.
func (o *outsider) end(how os.Signal) {
	o.has()
	if err := o.cmd.Process.Signal(how); err != nil {
		o.t.Fatal(err)
	}
	select {
	case <-o.done:
	case <-time.After(30 * time.Second):
		o.t.Fatalf("%s does not end\n%s", o.name, o.err.String())
	}
}

// shares are the numbers of partitions that a stable group's members have; nil: it is being shared anew.
func (s *server) shares(group, topic string) (protocol string, out map[string]int) {
	s.t.Helper()
	r, err := s.admin.Transport.RoundTrip(context.Background(), s.admin.Addr, &describegroups.Request{Groups: []string{group}})
	if err != nil {
		return err.Error(), nil
	}
	out = map[string]int{}
	for _, g := range r.(*describegroups.Response).Groups {
		if g.ErrorCode != 0 || g.GroupState != "Stable" {
			return g.GroupState, nil
		}
		for _, m := range g.Members {
			has, err := parseAssignment(m.MemberAssignment, topic)
			if err != nil {
				s.t.Error(err)
			}
			out[m.MemberID] = len(has)
		}
		protocol = g.ProtocolData
	}
	return protocol, out
}

// fair tells whether so many members have all partitions, none more than one more than another.
func fair(has map[string]int, members, partitions int) bool {
	total := 0
	for _, n := range has {
		if total += n; n < partitions/members || n > (partitions+members-1)/members {
			return false
		}
	}
	return len(has) == members && total == partitions
}

// TestFault_B1_ForeignMembers: librdkafka, Java's consumer and kafka-python join, leave and die beside two hubs in one group. Each record is
// handled, each member has its fair share, and none ends by itself. HUB_TEST_ROUNDS=10 is the long form: each leaves and dies 10 times.
func TestFault_B1_ForeignMembers(t *testing.T) {
	t.Parallel()
	rounds := 1
	if n, err := strconv.Atoi(os.Getenv("HUB_TEST_ROUNDS")); err == nil {
		rounds = n
	}
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			foreignMembers(t, protocol, rounds)
		})
	}
}

func foreignMembers(t *testing.T, protocol string, rounds int) {
	m := newMixedGroup(t, protocol)
	m.here = append(m.here, m.kinds[0]()) // leads, until it goes
	m.shared()
	for _, kind := range m.kinds[1:] {
		m.here = append(m.here, kind())
	}
	for range 2 {
		m.hub()
		m.flow()
	}
	m.shared()
	for n := range 2 * rounds {
		if n > 0 {
			m.join() // a hub leads
		}
		m.part(n)
	}
	m.put.Wait()
	hubtest.Until(t, fmt.Sprint("records are lost: ", m.next), func() bool { return m.seen.count() == m.next })
	t.Logf("%s: %d kinds of foreign members, which left %d times and were killed %d times: %d records, all handled", protocol, len(m.kinds), m.left, m.died, m.next)
}

// TestFault_B1_StrategyOfItsOwn: beside a member that shares partitions in a way of its own a hub can't join, and says what to do; the member
// stays as it is. When it has gone, the hub reads.
func TestFault_B1_StrategyOfItsOwn(t *testing.T) {
	s := newServer(t)
	topic := s.topic(1)
	group := "g." + topic
	join := &kafka.JoinGroupRequest{GroupID: group, SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second, ProtocolType: protocolType,
		Protocols: []kafka.GroupProtocol{{Name: "own", Metadata: kafka.GroupProtocolSubscription{Topics: []string{topic}}}}}
	var joined *kafka.JoinGroupResponse
	hubtest.Until(t, "the other can't join", func() bool {
		var err error
		if joined, err = s.admin.JoinGroup(t.Context(), join); err == nil {
			join.MemberID = joined.MemberID
		}
		return err == nil && joined.Error == nil
	})
	if _, err := s.admin.SyncGroup(t.Context(), &kafka.SyncGroupRequest{GroupID: group, GenerationID: joined.GenerationID, MemberID: joined.MemberID, ProtocolType: protocolType, ProtocolName: "own",
		Assignments: []kafka.SyncGroupRequestAssignment{{MemberID: joined.MemberID, Assignment: kafka.GroupProtocolAssignment{AssignedPartitions: map[string][]int{topic: {0}}}}}}); err != nil {
		t.Fatal(err)
	}
	src := s.source(s.adapter(nil), "topic "+topic, group, nil)
	if err := src.Run(t.Context(), hub.HandlerFunc((&seen{}).take)); reason(err) != "unavailable group_protocol" || !strings.Contains(err.Error(), "partition.assignment.strategy") {
		t.Errorf("Run: %v", err)
	}
	beat, err := s.admin.Heartbeat(t.Context(), &kafka.HeartbeatRequest{GroupID: group, GenerationID: int32(joined.GenerationID), MemberID: joined.MemberID})
	if err != nil || beat.Error != nil {
		t.Errorf("the other member: %v, %+v", err, beat)
	}
	if _, err := s.admin.LeaveGroup(t.Context(), &kafka.LeaveGroupRequest{GroupID: group, Members: []kafka.LeaveGroupRequestMember{{ID: joined.MemberID}}}); err != nil {
		t.Fatal(err)
	}
	s.number(topic, 0, 5)
	if got := s.readSome(src, 5); len(got) != 5 {
		t.Errorf("%d records", len(got))
	}
}

// TestFault_B1_Expelled: a hub that the group has gone on without tells its handlers to give up, commits nothing, and joins anew.
func TestFault_B1_Expelled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	group := "g." + topic
	s.number(topic, 0, 1)
	var tries atomic.Int32
	src := s.source(s.adapter(nil), "topic "+topic, group, nil)
	src.times.drain = time.Minute // told before
	feed(t, src, hub.HandlerFunc(func(ctx context.Context, _ *hub.Message) error {
		if tries.Add(1) == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	}))
	hubtest.Until(t, "it is not handled", func() bool { return tries.Load() == 1 })
	r, err := s.admin.Transport.RoundTrip(t.Context(), s.admin.Addr, &describegroups.Request{Groups: []string{group}})
	if err != nil {
		t.Fatal(err)
	}
	id := r.(*describegroups.Response).Groups[0].Members[0].MemberID
	if _, err := s.admin.LeaveGroup(t.Context(), &kafka.LeaveGroupRequest{GroupID: group, Members: []kafka.LeaveGroupRequestMember{{ID: id}}}); err != nil {
		t.Fatal(err)
	}
	hubtest.Until(t, "it is not handled again", func() bool { return tries.Load() == 2 && s.committed(group, topic, 1)[0] == 1 })
}
