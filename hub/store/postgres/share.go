package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub/store/core"
)

// share makes room for hubs that have fewer queues: of those that they ask for,
// half the difference is given to each, idle ones first. A queue is given
// once what is claimed of it has ended. The next ones are given when those have
// had time to arrive.
func (s *Store) share(wants map[int64]int64) {
	if time.Since(s.shared) < s.o.Lease {
		return
	}
	has := map[int64]int{}
	err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
		return ask(ctx, c, func(r core.Row) { has[r.Int(0)] = int(r.Int(1)) },
			"SELECT id, (SELECT count(*) FROM queues WHERE owner=h.id) FROM hubs h WHERE expires>clock_timestamp()")
	})
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var asked []*queue
	for id := range wants {
		if q := s.byID[id]; q.epoch != 0 && q.leaving.IsZero() {
			asked = append(asked, q)
		}
	}
	slices.SortFunc(asked, func(a, b *queue) int { return cmp.Or(len(a.Claims)-len(b.Claims), cmp.Compare(a.ID, b.ID)) })
	for _, q := range asked {
		to := wants[q.ID]
		if n, alive := has[to]; !alive || has[s.id]-n < 2 {
			continue
		}
		has[to]++
		has[s.id]--
		q.leaving = time.Now()
		s.shared = q.leaving
	}
	s.kick.Give()
}

// handOver gives the leases of leaving queues back, once nothing of them is
// claimed. One that does not come to rest stays.
func (s *Store) handOver() {
	idle := map[*queue]int64{}
	s.mu.Lock()
	for _, q := range s.byID {
		switch {
		case q.leaving.IsZero():
		case len(q.Claims) == 0:
			idle[q] = q.epoch
		case time.Since(q.leaving) > s.o.Lease/3:
			q.leaving, q.look = time.Time{}, true
			s.wake(q.Name)
		}
	}
	s.mu.Unlock()
	for q, epoch := range idle {
		err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
			_, err := c.Exec(ctx, sqlGive, q.ID, s.id, epoch)
			return err
		})
		if err != nil {
			return
		}
		s.mu.Lock()
		s.lose(q)
		q.other = time.Now().Add(s.o.Lease / 5) // the other hub's turn
		s.freed[q.ID] = true
		s.mu.Unlock()
		s.kick.Give()
	}
}
