package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// beginAt returns where a partition is to be read from, given what the group has committed.
func (r *run) beginAt(ctx context.Context, partition int, m mark) (int64, error) {
	if m.offset >= 0 {
		return r.lost(ctx, partition, m)
	}
	log, err := r.link.span(ctx, partition)
	if err != nil {
		return 0, err
	}
	last := r.cfg.Start == startLast
	if r.anew {
		last = r.cfg.OnLost == lostLatest
	}
	if last {
		return log.end, nil
	}
	return log.first, nil
}

// lost returns the position itself if the log still has it, and otherwise where on_lost says to go on.
func (r *run) lost(ctx context.Context, partition int, m mark) (int64, error) {
	log, err := r.link.span(ctx, partition)
	if err != nil {
		return 0, err
	}
	why := m.lost(r.state, log)
	if why == "" {
		return m.offset, nil
	}
	to := log.first
	switch r.cfg.OnLost {
	case lostStop:
		if why == madeAnew {
			return 0, r.recreated()
		}
		return 0, decide("topic %s, partition %d: offset %d lost, %s; %s", r.topic, partition, m.offset, why, r.wayOut())
	case lostLatest:
		to = log.end
	}
	r.env.Log.Warn("position lost", "topic", r.topic, "partition", partition, "offset", m.offset, "log_start", log.first, "log_end", log.end,
		"on_lost", r.cfg.OnLost, "goes_on_at", to)
	return to, nil
}

const madeAnew = "the topic was deleted and made anew"

// lost returns why the log does not have the position any more, or "" if it does.
func (m mark) lost(now topicState, log span) string {
	switch {
	case m.topic != "" && now.id != "" && m.topic != now.id:
		return madeAnew
	case m.offset < log.first:
		return fmt.Sprintf("log starts at %d", log.first)
	case m.offset > log.end:
		return fmt.Sprintf("log ends at %d: the topic was made anew or cut", log.end)
	}
	return ""
}

// movedCodes are answers that come while a partition or a group is new, or moves to another broker.
var movedCodes = []kafka.Error{
	kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.ReplicaNotAvailable, kafka.UnknownLeaderEpoch, kafka.FencedLeaderEpoch,
	kafka.OffsetNotAvailable, kafka.KafkaStorageError, kafka.BrokerNotAvailable, kafka.UnknownTopicOrPartition,
	kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
}

// moved reports whether err may pass once the brokers, and the library's view of them, have settled.
func moved(err error) bool {
	return isCode(err, movedCodes...) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) || errors.Is(err, protocol.ErrNoLeader)
}

// patient asks again for 10 s while a partition changes its leader.
func patient[T any](ctx context.Context, clock hub.Clock, ask func() (T, error)) (answer T, err error) {
	for try := 0; ; try++ {
		answer, err = ask()
		if err == nil || try == 40 || !moved(err) || !hub.Pause(ctx, clock, 250*time.Millisecond) {
			return answer, err
		}
	}
}

// watch looks for new partitions, which end the generation, and for a new topic of the same name, which is an error.
// When we lead the group, it also looks at the topics of other members, one each time: nobody else does that for them.
func (g *generation) watch() error {
	others := slices.Sorted(maps.Keys(g.share.counts))
	for turn := 0; hub.Pause(g.fetching, g.env.Clock, g.times.watch); turn++ {
		now, err := g.link.state(g.fetching, g.topic)
		switch {
		case g.fetching.Err() != nil:
			return nil
		case err != nil: // fetches tell when the brokers are away
		case !now.there():
			return noTopic(g.topic)
		case now.id != g.state.id:
			g.seen = &now
			g.gone.Store(true)
			if err := g.sameTopic(now); err != nil {
				return err
			}
			g.stop(nil)
		case len(now.leaders) != len(g.state.leaders):
			g.env.Log.Info("partitions changed", "topic", g.topic, "were", len(g.state.leaders), "are", len(now.leaders))
			g.seen = &now
			g.stop(nil)
		case len(others) > 0:
			topic := others[turn%len(others)]
			if now, err := g.link.state(g.fetching, topic); err == nil && len(now.leaders) != g.share.counts[topic] {
				g.env.Log.Info("partitions changed", "topic", topic, "were", g.share.counts[topic], "are", len(now.leaders))
				g.stop(nil)
			}
		}
	}
	return nil
}

// tracker knows which records of a partition are finished. Only the longest prefix of finished records may be committed.
type tracker struct {
	mu        sync.Mutex
	begun     []progress // a ring, in the order of the log
	head, n   int
	base      uint64 // number of the record at head
	end       int64  // position behind all that was begun
	committed int64
	finished  int // since the last commit
	freed     hub.Signal
}

type progress struct {
	offset int64
	done   bool
}

// newTracker returns a tracker that begins at position. What the group has committed may be -1: nothing.
func newTracker(position, committed int64) *tracker {
	return &tracker{begun: make([]progress, 64), end: position, committed: committed, freed: hub.NewSignal()}
}

// begin notes a record and returns its number.
func (t *tracker) begin(offset int64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == len(t.begun) {
		larger := make([]progress, 2*t.n)
		copy(larger[copy(larger, t.begun[t.head:]):], t.begun[:t.head])
		t.begun, t.head = larger, 0
	}
	t.begun[(t.head+t.n)%len(t.begun)] = progress{offset: offset}
	t.n++
	t.end = offset + 1
	return t.base + uint64(t.n-1)
}

// done notes that a record is finished. It returns how many records were finished since the last commit.
func (t *tracker) done(number uint64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun[(t.head+int(number-t.base))%len(t.begun)].done = true
	before := t.n
	for t.n > 0 && t.begun[t.head].done {
		t.head = (t.head + 1) % len(t.begun)
		t.n--
		t.base++
	}
	t.finished += before - t.n
	if before > t.n {
		t.freed.Give()
	}
	return t.finished
}

// skip moves the end over offsets that hold no records.
func (t *tracker) skip(position int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = max(t.end, position)
}

// open returns the number of records between the position and the end.
func (t *tracker) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// position returns the offset of the first record that is not finished. t.mu is held.
func (t *tracker) position() int64 {
	if t.n > 0 {
		return t.begun[t.head].offset
	}
	return t.end
}

// due returns the position to commit, and whether it is newer than the last committed one.
func (t *tracker) due() (int64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.position()
	return p, p > t.committed
}

// commit notes that the broker has the position.
func (t *tracker) commit(position int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed = max(t.committed, position)
	t.finished = 0
}
