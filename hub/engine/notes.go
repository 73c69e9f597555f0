package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/store"
)

const (
	keepEvery  = 250 * time.Millisecond // how long a note waits to be written with others
	pastAtOnce = 500                    // units whose history one transaction writes, so that other commits do not wait for it
	pastMost   = 1 << 16                // events that wait to be written, about 15 MB; what comes past it is counted
	bodiesMost = 16 << 20               // bytes of bodies that wait to be written; likewise
	tellLost   = time.Minute            // between two lines of the log about history that was not kept
)

// notes are what is written to the store beside the path of messages, in batches: what was refused, and the history of
// units that pass through without another change of the store, and the bodies that runs keep. A flood costs memory up to a bound and a counter, and what
// is over the bound is told. A kill loses what was not written yet, a quarter of a second; a stop writes it.
type notes struct {
	rt    *Runtime
	total atomic.Int64 // inputs refused since the start
	lost  atomic.Int64 // units whose history was not kept since the start
	wake  hub.Signal   // there is something to write

	mu     sync.Mutex
	kinds  map[string]*refusedKind // by counter key
	kept   []hub.Refusal           // to be written
	some   bool                    // counts are to be written, too
	past   []*hub.Unit             // whose history is to be written, oldest first
	events int                     // of past
	bodies []hub.Write             // of runs, that are to be written, oldest first
	bytes  int                     // of bodies

	writing sync.Mutex // held by the one who writes
	told    time.Time  // the last line about lost history, and how many were lost then
	toldOf  int64
}

func newNotes(rt *Runtime) *notes {
	return &notes{rt: rt, wake: hub.NewSignal(), kinds: map[string]*refusedKind{}}
}

// passed keeps the history of a unit that changed nothing in the store.
func (s *notes) passed(u *hub.Unit) {
	s.mu.Lock()
	fits := s.events+len(u.History) <= pastMost
	if fits {
		s.past = append(s.past, &hub.Unit{Root: u.Root, Correlation: u.Correlation, Span: u.Span, History: u.History, Keep: u.Keep, Terms: u.Terms})
		s.events += len(u.History)
	}
	s.mu.Unlock()
	s.noted(fits)
}

// noted has what is noted written; what did not fit is counted.
func (s *notes) noted(fits bool) {
	if !fits {
		s.lost.Add(1)
		s.rt.Health.Figures.Series(figures.Unkept).Add(1)
	}
	s.wake.Give()
}

// keepBodies keeps what the steps of x's run did to bodies, where the stage wants it.
func (rt *Runtime) keepBodies(s *Stage, x *hub.Exchange) {
	if x.Bodies == nil {
		return
	}
	w := hub.Write{Kind: hub.BodiesKind, Key: x.Unit.Span.TraceContext.Span.String(), Value: x.Bodies.Encode(), Expires: rt.clock.Now().Add(s.Bodies), IfVersion: hub.AnyVersion}
	if w.Value == nil {
		return
	}
	n := rt.notes
	n.mu.Lock()
	fits := n.bytes+len(w.Value) <= bodiesMost
	if fits {
		n.bodies, n.bytes = append(n.bodies, w), n.bytes+len(w.Value)
	}
	n.mu.Unlock()
	n.noted(fits)
}

// run writes what is noted until ctx ends, and what is left then.
func (s *notes) run(ctx context.Context) {
	s.rt.Health.Figures.Series(figures.Unkept)                     // told from the start as 0: a rate sees no first one
	known, _ := s.rt.store.Counters(ctx, store.RefusedCounter, "") // without them more kinds are counted apart
	s.mu.Lock()
	for key := range known {
		if s.kinds[key] == nil {
			s.kinds[key] = &refusedKind{}
		}
	}
	s.mu.Unlock()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.wake:
			s.writeAll()
			hub.Pause(ctx, s.rt.clock, keepEvery)
		}
	}
	s.writeAll()
	s.tellLost(true)
}

// writeAll writes what is noted, in as many transactions as it takes. The log tells of what the store does not take; it is written later.
func (s *notes) writeAll() {
	for more := true; more; {
		if s.write(false) != nil {
			break
		}
		s.mu.Lock()
		more = len(s.past)+len(s.bodies) > 0
		s.mu.Unlock()
	}
	s.tellLost(false)
}

// tellLost says how many units came faster than their history was written, once a minute; now: at once.
func (s *notes) tellLost(now bool) {
	n, at := s.lost.Load(), s.rt.clock.Now()
	if n == s.toldOf || !now && at.Sub(s.told) < tellLost {
		return
	}
	s.rt.log.Warn("the history of messages that passed through is not kept: they come faster than the store writes; `history: failures` in their pipelines keeps that of failures alone",
		"messages", n-s.toldOf)
	s.told, s.toldOf = at, n
}

// write makes what is noted durable. rows: only if there is more than counts to
// write. What the store does not take is noted again.
func (s *notes) write(rows bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	u := s.take(rows)
	if u == nil {
		return nil
	}
	err := s.rt.Commit(context.Background(), u)
	if err != nil {
		s.putBack(u)
		s.rt.unkept(err)
	}
	return err
}

// take is the unit that writes what is noted; nil: nothing is.
func (s *notes) take(rows bool) *hub.Unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.some && len(s.past)+len(s.bodies) == 0 || rows && len(s.kept) == 0 {
		return nil
	}
	n, of := min(len(s.past), pastAtOnce), min(len(s.bodies), pastAtOnce)
	u := &hub.Unit{Refused: s.kept, Past: s.past[:n:n], Writes: s.bodies[:of:of]}
	s.past, s.bodies = s.past[n:], s.bodies[of:]
	for _, w := range u.Writes {
		s.bytes -= len(w.Value)
	}
	for _, past := range u.Past {
		s.events -= len(past.History)
	}
	s.kept, s.some = nil, false
	for key, k := range s.kinds {
		if k.count > 0 {
			u.Adds = append(u.Adds, hub.Add{Kind: store.RefusedCounter, Key: key, Delta: k.count})
			k.count = 0
		}
	}
	return u
}

func (s *notes) putBack(u *hub.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept, s.past, s.bodies = append(u.Refused, s.kept...), append(u.Past, s.past...), append(u.Writes, s.bodies...)
	for _, w := range u.Writes {
		s.bytes += len(w.Value)
	}
	for _, past := range u.Past {
		s.events += len(past.History)
	}
	s.some = true
	for _, a := range u.Adds {
		s.kinds[a.Key].count += a.Delta
	}
	s.wake.Give()
}
