// Package memory is a store for tests and trials: the duties of the others, and nothing on disk.
package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Store keeps everything in maps. It is gone when it is closed.
type Store struct {
	o        store.Options
	mu       sync.Mutex
	closed   bool
	seq      int64
	rows     map[int64]*memoryRow
	queues   map[string]*memoryQueue
	records  map[string]map[string]hub.Record
	counters map[string]map[string]int64
	rowsOf   []memoryHistory
	refused  []hub.Refusal // oldest first
	last     string
	never    chan struct{}
}

type memoryRow struct {
	d     hub.Delivery
	since time.Time
	await string // what a message that waits after a failure awaits
}

type memoryQueue struct {
	core.Queue
	ready   core.Backlog // what nobody has claimed; may name rows that are ready no more
	waiting map[int64]*memoryRow
	names   map[string]int64
	depth   int // not dead
}

type memoryHistory struct {
	store.HistoryRow
	time  time.Time
	until time.Time // zero: see store.Retention
	links []string  // by which it is found as well
	terms []int64   // likewise
}

var (
	_ store.Store = (*Store)(nil)
)

// New makes an empty store.
func New(o store.Options) *Store {
	o = o.WithDefaults()
	return &Store{o: o, rows: map[int64]*memoryRow{}, queues: map[string]*memoryQueue{}, records: map[string]map[string]hub.Record{},
		counters: map[string]map[string]int64{}, never: make(chan struct{})}
}

// Done is never closed: memory does not fail.
func (s *Store) Done() <-chan struct{} { return s.never }

// Err is always nil.
func (s *Store) Err() error { return nil }

// enter locks the store; the caller unlocks it when there is no error.
func (s *Store) enter() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return hub.ErrClosed
	}
	return nil
}

// Close ends the store; all it held is gone.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return nil
}

func (s *Store) queue(name string) *memoryQueue {
	q := s.queues[name]
	if q == nil {
		q = &memoryQueue{Queue: core.Queue{Name: name, Claims: map[int64]*core.Claim{}}, waiting: map[int64]*memoryRow{}, names: map[string]int64{}}
		s.queues[name] = q
	}
	return q
}

// Commit applies u at once, or not at all.
func (s *Store) Commit(ctx context.Context, u *hub.Unit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	writes, err := s.check(u, now)
	if err != nil {
		return err
	}
	for kind, m := range writes {
		records := s.kind(kind)
		for key, r := range m {
			if records[key] = r; r.Version == 0 {
				delete(records, key)
			}
		}
	}
	if u.Input != nil {
		s.finish(u, now)
	}
	s.settle(u.Settles, now)
	for i := range u.Puts {
		s.put(&u.Puts[i], now)
	}
	for _, a := range u.Adds {
		if s.counters[a.Kind] == nil {
			s.counters[a.Kind] = map[string]int64{}
		}
		s.counters[a.Kind][a.Key] += a.Delta
	}
	s.refuse(u)
	s.refused = slices.DeleteFunc(s.refused, func(r hub.Refusal) bool { return slices.Contains(u.Erases, r.Seq) })
	s.rowsOf = slices.DeleteFunc(s.rowsOf, func(h memoryHistory) bool { return slices.Contains(u.Erases, h.Seq) })
	s.note(u, now)
	return nil
}

// written is what records will be, by kind and key; Version 0 is a deleted one.
type written map[string]map[string]hub.Record

func (w written) set(r hub.Record) {
	if w[r.Kind] == nil {
		w[r.Kind] = map[string]hub.Record{}
	}
	w[r.Kind][r.Key] = r
}

// check finds what the records will be, if nothing conflicts.
func (s *Store) check(u *hub.Unit, now time.Time) (written, error) {
	if in := u.Input; in != nil && s.queue(in.Queue).Claimed(in) == nil {
		return nil, core.NotClaimed(in)
	}
	for _, l := range u.Settles {
		if r := s.rows[l.Seq]; r == nil || r.d.State != hub.Dead {
			return nil, core.NotDead(l)
		}
	}
	if err := s.room(u); err != nil {
		return nil, err
	}
	after := written{}
	if u.Inbox != "" {
		if s.version(after, core.InboxKind, u.Inbox, now) != 0 {
			return nil, hub.ErrDuplicate
		}
		s.seq++
		after.set(hub.Record{Kind: core.InboxKind, Key: u.Inbox, Value: []byte{}, Version: s.seq, Expires: now.Add(core.InboxKeep)})
	}
	for _, checked := range []bool{true, false} {
		for i := range u.Writes {
			if w := &u.Writes[i]; (w.IfVersion != hub.AnyVersion) == checked {
				if err := s.write(after, w, now); err != nil {
					return nil, err
				}
			}
		}
	}
	return after, nil
}

func (s *Store) write(after written, w *hub.Write, now time.Time) error {
	if have := s.version(after, w.Kind, w.Key, now); w.IfVersion != hub.AnyVersion && have != w.IfVersion {
		return fmt.Errorf("record %s %q: %w", w.Kind, w.Key, hub.ErrConflict)
	}
	r := hub.Record{Kind: w.Kind, Key: w.Key, Value: w.Value, Expires: w.Expires}
	if w.Value != nil {
		s.seq++
		r.Version, w.Version = s.seq, s.seq
	}
	after.set(r)
	return nil
}

// version is that of a record as the unit leaves it so far; 0: there is none.
func (s *Store) version(after written, kind, key string, now time.Time) int64 {
	r, ok := after[kind][key]
	if !ok {
		r = s.records[kind][key]
	}
	if gone(r, now) {
		return 0
	}
	return r.Version
}

func (s *Store) room(u *hub.Unit) error {
	more := map[string]int{}
	for i := range u.Puts {
		p := &u.Puts[i]
		switch {
		case !p.Adds():
			continue
		case p.Msg == nil:
			return fmt.Errorf("put to queue %q: no message", p.Queue)
		case core.StateOf(p) == hub.Dead:
			continue
		}
		more[p.Queue]++
		if have := s.queue(p.Queue).depth; have+more[p.Queue] > s.o.QueueLimit {
			return fmt.Errorf("queue %q holds %d messages: %w", p.Queue, have, hub.ErrFull)
		}
	}
	return nil
}

func (s *Store) kind(kind string) map[string]hub.Record {
	m := s.records[kind]
	if m == nil {
		m = map[string]hub.Record{}
		s.records[kind] = m
	}
	return m
}

func (s *Store) finish(u *hub.Unit, now time.Time) {
	r := s.rows[u.Input.Seq]
	f := &u.Finish
	q := s.queue(r.d.Queue)
	q.Ends(q.Claims[r.d.Seq].Leaves(f.State))
	delete(q.Claims, r.d.Seq)
	if f.State == hub.Done {
		s.remove(r)
		return
	}
	if f.Tried {
		r.d.Attempts++
	}
	if f.State == hub.Waiting || f.State == hub.Dead {
		r.d.Error = f.Error
	}
	if s.become(r, f.State, f.Due, now); f.State == hub.Waiting {
		r.awaits(f.Await)
	}
}

// become moves a row to a state.
func (s *Store) become(r *memoryRow, state hub.State, due, now time.Time) {
	q := s.queue(r.d.Queue)
	if r.d.State != hub.Done && r.d.State != hub.Dead {
		q.depth--
	}
	delete(q.waiting, r.d.Seq)
	r.d.State, r.d.Due, r.since = state, time.Time{}, now
	switch state {
	case hub.Ready:
		q.ready.Add(core.Back{Seq: r.d.Seq})
	case hub.Waiting:
		r.d.Due = due
		q.waiting[r.d.Seq] = r
	case hub.Dead:
		if r.d.Error != nil && !r.d.Error.Time.IsZero() {
			r.since = r.d.Error.Time
		}
	}
	if state != hub.Dead {
		q.depth++
	}
}

func (s *Store) remove(r *memoryRow) {
	q := s.queue(r.d.Queue)
	delete(s.rows, r.d.Seq)
	delete(q.Claims, r.d.Seq)
	delete(q.waiting, r.d.Seq)
	if r.d.Name != "" && q.names[r.d.Name] == r.d.Seq {
		delete(q.names, r.d.Name)
	}
	if r.d.State != hub.Dead {
		q.depth--
	}
}

func (s *Store) put(p *hub.Put, now time.Time) {
	q := s.queue(p.Queue)
	if p.Wake {
		if r := s.rows[q.names[p.Name]]; r != nil && r.d.State == hub.Waiting {
			r.d.Due = now
		}
		return
	}
	if p.Name != "" {
		if r := s.rows[q.names[p.Name]]; r != nil {
			if q.Claims[r.d.Seq] == nil && r.d.State != hub.Dead {
				q.Ends(r.d.Msg.Key)
			}
			s.remove(r)
		}
	}
	if p.Cancel {
		return
	}
	s.seq++
	r := &memoryRow{d: hub.Delivery{Seq: s.seq, Queue: p.Queue, Name: p.Name, Attempts: p.Tries, Error: p.Error, Msg: p.Msg, Vars: p.Vars}}
	s.rows[s.seq] = r
	if p.Name != "" {
		q.names[p.Name] = s.seq
	}
	if s.become(r, core.StateOf(p), p.Due, now); r.d.State == hub.Waiting {
		r.awaits(p.Await)
	}
}

// mostRows bounds the history: there are at least the newest so many rows, and less than twice as many, some 10 MB.
const mostRows = 10_000

func (s *Store) note(u *hub.Unit, now time.Time) {
	for _, past := range u.Past {
		s.note(past, now)
	}
	if len(u.History) == 0 {
		return
	}
	s.seq++
	row := memoryHistory{store.HistoryRow{Seq: s.seq, Root: u.Root, Correlation: u.Correlation, Span: u.Span, Events: u.History}, now, time.Time{}, core.LinksOf(u), core.TermsOf(u)}
	if u.Keep > 0 {
		row.until = now.Add(u.Keep)
	}
	s.rowsOf = append(s.rowsOf, row)
	if len(s.rowsOf) >= 2*mostRows {
		s.rowsOf = slices.Clone(s.rowsOf[mostRows:])
	}
	if core.CameFromOutside(u) {
		s.last = u.Root
	}
}
