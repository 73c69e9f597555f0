package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// queue is what is known of a queue in memory. All but Serial is guarded by Store.mu.
type queue struct {
	core.Queue
	stored bool // has its row in queues
	counts [hub.Dead + 1]int

	ring ring         // the next ready messages, none missing between them
	back core.Backlog // ready messages from before upTo, which came back
	upTo int64        // every ready message up to this is in ring, back or Claims
	max  int64        // newest ready message that was ever committed

	read  bool   // it is claimed from
	watch *watch // set while a claimer reads from disk
}

// watch collects what the writer changed in a queue while a claimer's SELECT
// looked at an older state of it.
type watch struct {
	gone  map[int64]bool
	ready []core.Back
	due   time.Time
}

// disk tells whether there are ready messages that are only on disk.
func (q *queue) disk() bool { return q.max > q.upTo }

// depth counts the messages that are not dead.
func (q *queue) depth() int { return q.counts[hub.Ready] + q.counts[hub.Waiting] + q.counts[hub.Held] }

// queueOf finds or makes the queue.
func (s *Store) queueOf(name string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		q = s.enter(name, s.lastID+1)
	}
	return q
}

// enter makes a queue that memory does not have, under s.mu.
func (s *Store) enter(name string, id int64) *queue {
	q := &queue{Queue: core.Queue{ID: id, Name: name, Claims: map[int64]*core.Claim{}}}
	s.queues[name], s.byID[id], s.lastID = q, q, max(s.lastID, id)
	return q
}

func (s *Store) queueByID(id int64) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// count rebuilds depths and due times from the indexes, under s.mu.
func (s *Store) count(c *conn) error {
	err := c.query(context.Background(), "SELECT id, name FROM queues", nil, func(r core.Row) error {
		q := s.byID[r.Int(0)]
		if q == nil {
			q = s.enter(r.Text(1), r.Int(0))
		}
		q.stored = true
		s.dropRing(q)
		q.back, q.upTo, q.max, q.Due, q.counts = nil, 0, 0, time.Time{}, [hub.Dead + 1]int{}
		return nil
	})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		state hub.State
		sql   string
	}{
		{hub.Ready, "SELECT queue, count(*), max(seq) FROM messages INDEXED BY ready WHERE state=1 GROUP BY queue"},
		{hub.Waiting, "SELECT queue, count(*), min(due) FROM messages INDEXED BY waiting WHERE state=2 GROUP BY queue"},
		{hub.Held, "SELECT queue, count(*), 0 FROM messages INDEXED BY held WHERE state=3 GROUP BY queue"},
		{hub.Dead, "SELECT queue, count(*), 0 FROM messages INDEXED BY dead WHERE state=4 GROUP BY queue"},
	} {
		err := c.query(context.Background(), part.sql, nil, func(r core.Row) error {
			q := s.byID[r.Int(0)]
			if q == nil {
				return nil // a damaged queue number: no such queue is ever claimed
			}
			q.counts[part.state] = int(r.Int(1))
			switch part.state {
			case hub.Ready:
				q.max = r.Int(2)
			case hub.Waiting:
				q.Due = core.TimeOf(r.Int(2))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// holds counts the messages of a queue in some states, and gives its number.
func (s *Store) holds(name string, states ...hub.State) (n int, id int64) {
	q := s.queueOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range states {
		n += q.counts[st]
	}
	return n, q.ID
}

// Retrying lists the keys that a failed, waiting message blocks.
func (s *Store) Retrying(ctx context.Context, name string) ([]string, error) {
	n, id := s.holds(name, hub.Waiting)
	if n == 0 {
		return nil, s.Usable()
	}
	return s.Look.Retrying(ctx, id)
}

// Keys counts the messages of each key in a queue that are not dead.
func (s *Store) Keys(ctx context.Context, name string) (map[string]int, error) {
	n, id := s.holds(name, hub.Ready, hub.Waiting, hub.Held)
	if n == 0 {
		return map[string]int{}, s.Usable()
	}
	return s.Look.Keys(ctx, id)
}

// History is all that is known of a root or a correlation. The newest root from outside is in memory, if this start of
// the hub took it in.
func (s *Store) History(ctx context.Context, id string) ([]store.HistoryRow, error) {
	s.mu.Lock()
	if id == "last" && s.last != "" {
		id = s.last
	}
	s.mu.Unlock()
	return s.Look.History(ctx, id)
}

// Queues tells the depth of every queue that has messages, by name.
func (s *Store) Queues(ctx context.Context) ([]store.QueueStats, error) {
	var out []store.QueueStats
	var ids []int64
	s.mu.Lock()
	for _, q := range s.queues {
		st := store.QueueStats{Queue: q.Name, Ready: q.counts[hub.Ready], Waiting: q.counts[hub.Waiting], Held: q.counts[hub.Held], Dead: q.counts[hub.Dead]}
		if st.Ready+st.Waiting+st.Held+st.Dead > 0 {
			out, ids = append(out, st), append(ids, q.ID)
		}
	}
	s.mu.Unlock()
	err := s.read(ctx, func(c *conn) (err error) {
		for i := 0; i < len(out) && err == nil; i++ {
			st := &out[i]
			err = c.query(ctx, sqlAges, []any{ids[i]}, func(r core.Row) error {
				st.NextDue = core.TimeOf(r.Int(0))
				for head := range r[1:] {
					if b := r.Bytes(1 + head); b != nil {
						st.Oldest = core.Earlier(st.Oldest, core.HeadTime(b))
					}
				}
				return nil
			})
		}
		return err
	})
	slices.SortFunc(out, func(a, b store.QueueStats) int { return cmp.Compare(a.Queue, b.Queue) })
	return out, err
}

// sqlAges finds, from indexes, the next due time of a queue and the oldest message in each state.
const sqlAges = `SELECT (SELECT min(due) FROM messages INDEXED BY waiting WHERE queue=?1 AND state=2),
	(SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY ready WHERE queue=?1 AND state=1)),
	(SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY waiting WHERE queue=?1 AND state=2)),
	(SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY held WHERE queue=?1 AND state=3))`
