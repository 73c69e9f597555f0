package memory

import (
	"context"
	"slices"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Awaiting groups the messages that wait after a failure.
func (s *Store) Awaiting(context.Context) (out []store.Awaiting, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, r := range s.awaiting() {
		i := slices.IndexFunc(out, func(a store.Awaiting) bool { return a.Queue == r.d.Queue && a.For == r.await })
		if i < 0 {
			d := r.d
			i, out = len(out), append(out, store.Awaiting{Queue: d.Queue, For: r.await, Next: d.Due, Sample: &d})
		}
		out[i].Count++
	}
	return core.SortAwaiting(out), nil
}

// awaiting are the rows that wait after a failure, the earliest due first.
func (s *Store) awaiting() []*memoryRow {
	rows := s.sorted(func(r *memoryRow) bool { return r.d.State == hub.Waiting && r.await != "" })
	slices.SortStableFunc(rows, func(a, b *memoryRow) int { return a.d.Due.Compare(b.d.Due) })
	return rows
}

// awaits notes what a row that waits from now on awaits.
func (r *memoryRow) awaits(part string) {
	r.d.Await = part
	if r.await = part; part == "" && r.d.Error != nil {
		r.await = r.d.Error.Cause
	}
}

// Hasten makes messages that await a part of the hub due now.
func (s *Store) Hasten(_ context.Context, part string, limit int) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	for _, r := range s.awaiting() {
		if r.await == part && r.d.Due.After(now) && n < limit {
			r.d.Due = now
			n++
		}
	}
	return n, nil
}

// Room is always there.
func (s *Store) Room(context.Context) error { return nil }
