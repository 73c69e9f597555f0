package kafka

import "sync"

// tracker knows which records of a partition are finished. Only the longest finished prefix may be committed.
type tracker struct {
	mu        sync.Mutex
	begun     []progress // a ring, in the order of the log
	head, n   int
	base      uint64 // number of the record at head
	end       int64  // position behind all that was begun
	committed int64
	finished  int // since the last commit
	freed     chan struct{}
}

type progress struct {
	offset int64
	done   bool
}

// newTracker begins at a position; committed is what the group has, -1: nothing.
func newTracker(position, committed int64) *tracker {
	return &tracker{begun: make([]progress, 64), end: position, committed: committed, freed: make(chan struct{}, 1)}
}

// begin notes a record and gives its number.
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

// done notes that a record is finished, and tells how many are since the last commit.
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
		select {
		case t.freed <- struct{}{}:
		default:
		}
	}
	return t.finished
}

// skip moves the end over offsets that hold no records.
func (t *tracker) skip(position int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = max(t.end, position)
}

// open is the number of records between the position and the end.
func (t *tracker) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// position is the first offset that is not finished.
func (t *tracker) position() int64 {
	if t.n > 0 {
		return t.begun[t.head].offset
	}
	return t.end
}

// due is the position to commit, if there is a newer one than the last committed.
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
