package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// queue is what is known of a queue in memory. All but serial is guarded by
// Store.mu.
type queue struct {
	id     int64
	name   string
	stored bool       // has its row in queues
	serial sync.Mutex // one claimer at a time: nothing is loaded twice

	counts [hub.Dead + 1]int
	claims map[int64]*claim
	lease  time.Time // no lease ends before; zero: no claims with one

	ring ring         // the next ready messages, none missing between them
	back core.Backlog // ready messages from before loaded, which came back
	upTo int64        // every ready message up to this is in ring, back or claims
	max  int64        // newest ready message that was ever committed
	due  time.Time    // no waiting message that is unclaimed falls due before; zero: none waits

	read  bool     // it is claimed from
	ended []string // see Ended

	watch *watch // set while a claimer reads from disk
}

// claim is one message in the hands of the hub.
type claim struct {
	d     *hub.Delivery
	epoch int64
	until time.Time // zero: no end
	busy  bool      // its unit is being written
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

// queueOf finds or makes the queue, under s.mu.
func (s *Store) queueOf(name string) *queue {
	q := s.queues[name]
	if q == nil {
		s.lastID++
		q = &queue{id: s.lastID, name: name, claims: map[int64]*claim{}}
		s.queues[name] = q
	}
	return q
}

// count rebuilds depths and due times from the indexes.
func (s *Store) count(c *conn) error {
	byID := map[int64]*queue{}
	err := c.query(context.Background(), "SELECT id, name FROM queues", nil, func(v []driver.Value) error {
		id, name := v[0].(int64), v[1].(string)
		q := s.queues[name]
		if q == nil {
			q = &queue{id: id, name: name, claims: map[int64]*claim{}}
			s.queues[name] = q
		}
		q.stored = true
		s.dropRing(q)
		q.back, q.upTo, q.max, q.due, q.counts = nil, 0, 0, time.Time{}, [hub.Dead + 1]int{}
		byID[id] = q
		s.lastID = max(s.lastID, id)
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
		err := c.query(context.Background(), part.sql, nil, func(v []driver.Value) error {
			q := byID[v[0].(int64)]
			if q == nil {
				return nil // a damaged queue number: no such queue is ever claimed
			}
			q.counts[part.state] = int(v[1].(int64))
			switch n, _ := v[2].(int64); part.state {
			case hub.Ready:
				q.max = n
			case hub.Waiting:
				q.due = core.TimeOf(n)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
