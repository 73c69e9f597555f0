package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// queue is what this hub knows of a queue. All but Serial is guarded by Store.mu.
type queue struct {
	core.Queue

	epoch   int64     // of this hub's lease; 0: it has none
	until   time.Time // nothing is claimed later than this, unless the lease is renewed first
	other   time.Time // another hub's lease ends then: no use looking earlier
	leaving time.Time // since when the queue is to be given to another hub; zero: it is not

	look bool            // there may be messages to claim that no Claim has seen
	kept map[string]bool // keys whose messages Claim held behind a retry: see heal

	depth   int       // messages that are not dead: counted, and what this hub changed since
	counted time.Time // zero: never
}

// queue finds the queue's number, and makes it when it is new.
func (s *Store) queue(ctx context.Context, name string) (*queue, error) {
	s.mu.Lock()
	q := s.queues[name]
	s.mu.Unlock()
	if q != nil {
		return q, nil
	}
	var id int64
	var depth int
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, "SELECT id FROM queues WHERE name=$1", name).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			if _, err := c.Exec(ctx, "INSERT INTO queues(name) VALUES($1) ON CONFLICT DO NOTHING", name); err != nil {
				return err
			}
			err = c.QueryRow(ctx, "SELECT id FROM queues WHERE name=$1", name).Scan(&id)
		}
		if err != nil {
			return err
		}
		return c.QueryRow(ctx, sqlDepth, id, s.o.QueueLimit+1).Scan(&depth)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[name]; q != nil {
		return q, nil
	}
	q = &queue{Queue: core.Queue{ID: id, Name: name, Claims: map[int64]*core.Claim{}}, kept: map[string]bool{}, depth: depth, counted: time.Now()}
	s.queues[name], s.byID[id] = q, q
	return q, nil
}

// sqlDepth counts messages that are not dead, as far as it matters.
const sqlDepth = `SELECT (SELECT count(*) FROM (SELECT FROM messages WHERE queue=$1 AND state=1 LIMIT $2) a)
	+ (SELECT count(*) FROM (SELECT FROM messages WHERE queue=$1 AND state=2 LIMIT $2) b)
	+ (SELECT count(*) FROM (SELECT FROM messages WHERE queue=$1 AND state=3 LIMIT $2) c)`

// hint tells that a waiting message may fall due at t.
func (q *queue) hint(t time.Time) { q.Due = core.Earlier(q.Due, t) }

// wake tells the hub to look at a queue.
func (s *Store) wake(name string) {
	select {
	case s.woken <- name:
	default: // nobody listens, or it is told enough: the next poll says it again
	}
}

// Woken tells the names of queues that this hub should look at: another hub
// put messages there, or gave the queue free.
func (s *Store) Woken() <-chan string { return s.woken }

// Lease is the number of the queue's lease that the last Claim worked under; 0:
// another hub has the queue. When it changed, what was known of the queue's keys is stale.
func (s *Store) Lease(queue string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queue]; q != nil {
		return q.epoch
	}
	return 0
}

// Room tells whether PostgreSQL can be written to.
func (s *Store) Room(ctx context.Context) error {
	err := s.exec(ctx, "UPDATE hubs SET expires=expires WHERE id=$1", s.id)
	if noSpace(sqlState(err)) {
		return fmt.Errorf("store %s: %w", s.place, hub.ErrNoSpace)
	}
	return err
}
