package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Get reads a record.
func (s *Store) Get(_ context.Context, kind, key string) (hub.Record, error) {
	if err := s.enter(); err != nil {
		return hub.Record{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.records[kind][key]
	if !ok || gone(r, s.o.Clock.Now()) {
		return hub.Record{}, fmt.Errorf("record %s %q: %w", kind, key, hub.ErrNotFound)
	}
	return r, nil
}

func gone(r hub.Record, now time.Time) bool { return !r.Expires.IsZero() && !r.Expires.After(now) }

// List pages through the records of a kind.
func (s *Store) List(_ context.Context, kind, prefix, after string, limit int) (out []hub.Record, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	for _, key := range slices.Sorted(maps.Keys(s.records[kind])) {
		r := s.records[kind][key]
		if limit > 0 && len(out) == limit {
			break
		}
		if strings.HasPrefix(key, prefix) && (after == "" || key > after) && !gone(r, now) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Kinds are the kinds of records that begin with the prefix.
func (s *Store) Kinds(_ context.Context, prefix string) (kinds []string, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(s.records)) {
		if strings.HasPrefix(kind, prefix) && len(s.records[kind]) > 0 {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// Counters reads counters.
func (s *Store) Counters(_ context.Context, kind, prefix string) (map[string]int64, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := map[string]int64{}
	for k, v := range s.counters[kind] {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

// History follows roots, correlations and links.
func (s *Store) History(_ context.Context, id string) ([]store.HistoryRow, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if id == "last" {
		id = s.last
	}
	if id == "" {
		return nil, nil
	}
	return core.Trace(id, func(by core.By, id string, row func(store.HistoryRow)) error {
		for i := range s.rowsOf {
			r := &s.rowsOf[i].HistoryRow
			if by == core.ByRoot && r.Root == id || by == core.ByCorrelation && r.Correlation == id ||
				by == core.ByLink && slices.Contains(s.rowsOf[i].links, id) || by == core.ByTrace &&
				(slices.Contains(s.rowsOf[i].terms, core.TraceTerm(id)) || hub.TraceOf(r.Root).String() == id) {
				row(*r)
			}
		}
		return nil
	})
}

// Find pages through the history, newest first.
func (s *Store) Find(_ context.Context, q store.FindQuery) (out []store.HistoryRow, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	limit := cmp.Or(max(q.Limit, 0), 100)
	for i := len(s.rowsOf) - 1; i >= 0 && len(out) < limit; i-- {
		r := &s.rowsOf[i]
		found := q.Terms == nil || slices.ContainsFunc(q.Terms, func(t int64) bool { return slices.Contains(r.terms, t) })
		if found && (q.Before <= 0 || r.Seq < q.Before) && !r.time.Before(q.Since) && (q.Until.IsZero() || r.time.Before(q.Until)) {
			out = append(out, r.HistoryRow)
		}
	}
	return out, nil
}

// Retrying lists the keys that a failed, waiting message blocks.
func (s *Store) Retrying(_ context.Context, name string) (keys []string, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, r := range s.queue(name).waiting {
		if r.d.Msg.Key != "" && (r.d.Error != nil || r.d.Attempts > 0) {
			keys = append(keys, r.d.Msg.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// Keys counts the messages of each key in a queue that are not dead.
func (s *Store) Keys(_ context.Context, name string) (map[string]int, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	out := map[string]int{}
	for _, r := range s.rows {
		if r.d.Queue == name && r.d.State != hub.Dead && r.d.Msg.Key != "" {
			out[r.d.Msg.Key]++
		}
	}
	return out, nil
}

// Queues tells the depth of every queue that has messages, by name.
func (s *Store) Queues(context.Context) ([]store.QueueStats, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	stats := map[string]*store.QueueStats{}
	for _, r := range s.rows {
		st := stats[r.d.Queue]
		if st == nil {
			st = &store.QueueStats{Queue: r.d.Queue}
			stats[r.d.Queue] = st
		}
		switch r.d.State {
		case hub.Ready:
			st.Ready++
		case hub.Waiting:
			st.Waiting++
			st.NextDue = core.Earlier(st.NextDue, r.d.Due)
		case hub.Held:
			st.Held++
		case hub.Dead:
			st.Dead++
			continue
		}
		st.Oldest = core.Earlier(st.Oldest, r.d.Msg.Time)
	}
	var out []store.QueueStats
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		out = append(out, *stats[name])
	}
	return out, nil
}

// Browse pages through stored messages.
func (s *Store) Browse(_ context.Context, b store.BrowseQuery) (out []*hub.Delivery, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	limit := cmp.Or(max(b.Limit, 0), 100)
	for _, r := range s.sorted(func(r *memoryRow) bool {
		d := &r.d
		return d.Seq > b.After && (b.Queue == "" || b.Queue == d.Queue) && (b.ID == "" || b.ID == d.Msg.ID) && (b.Root == "" || b.Root == d.Msg.Root()) &&
			(b.Key == "" || b.Key == d.Msg.Key) && (b.Correlation == "" || b.Correlation == d.Msg.Correlation) &&
			(b.State == hub.Done || b.State == d.State) && (b.Cause == "" || d.Error != nil && d.State == hub.Dead && d.Error.Cause == b.Cause)
	}) {
		if len(out) == limit {
			break
		}
		d := r.d
		out = append(out, &d)
	}
	return out, nil
}

// DeadGroups groups the dead letters by cause, largest first.
func (s *Store) DeadGroups(context.Context) ([]store.DeadGroup, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	groups := map[string]*store.DeadGroup{}
	for _, r := range s.sorted(func(r *memoryRow) bool { return r.d.State == hub.Dead }) {
		cause := ""
		if r.d.Error != nil {
			cause = r.d.Error.Cause
		}
		g := groups[cause]
		if g == nil {
			g = &store.DeadGroup{Cause: cause}
			groups[cause] = g
		}
		g.Count++
		g.First = core.Earlier(g.First, r.since)
		if !r.since.Before(g.Last) {
			d := r.d
			g.Last, g.Sample = r.since, &d
		}
	}
	var out []store.DeadGroup
	for _, g := range groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b store.DeadGroup) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Cause, b.Cause)) })
	return out, nil
}

// Sweep deletes what is over.
func (s *Store) Sweep(_ context.Context, keep store.Retention, limit int) (n int, more bool, err error) {
	if err := s.enter(); err != nil {
		return 0, false, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	over := func(yes bool) bool {
		if yes = yes && n < limit; yes {
			n++
		}
		return yes
	}
	for _, m := range s.records {
		maps.DeleteFunc(m, func(_ string, r hub.Record) bool { return over(gone(r, now)) })
	}
	s.rowsOf = slices.DeleteFunc(s.rowsOf, func(r memoryHistory) bool {
		until := r.until
		if until.IsZero() && keep.History > 0 {
			until = r.time.Add(keep.History)
		}
		return over(!until.IsZero() && until.Before(now))
	})
	if keep.Refusals > 0 {
		n += s.forgetRefusals(now.Add(-keep.Refusals), limit-n)
	}
	return n, n == limit, nil
}

// Size is nothing: memory takes no disk.
func (s *Store) Size(context.Context) (store.Size, error) { return store.Size{}, nil }
