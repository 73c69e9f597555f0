package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
)

// ClaimHeld takes the held messages of one key, if this hub has the queue: only Claim takes
// a lease. Where it finds none but damaged ones, it looks behind them.
func (s *Store) ClaimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	for {
		if out, bad, err := s.claimHeld(ctx, name, key, limit, lease); err != nil || len(out) > 0 || bad == 0 {
			return out, err
		}
	}
}

func (s *Store) claimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) (out []*hub.Delivery, damaged int, err error) {
	if err := s.ok(); err != nil {
		return nil, 0, err
	}
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	q.serial.Lock()
	defer q.serial.Unlock()
	now := s.o.Clock.Now()
	s.mu.Lock()
	if !q.relied() {
		s.mu.Unlock()
		return nil, 0, nil
	}
	s.expire(q, now)
	claimed, epoch := slices.AppendSeq([]int64{}, maps.Keys(q.claims)), q.epoch
	s.mu.Unlock()
	var found pgFound
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		found = pgFound{s: s}
		rows, err := c.Query(ctx, sqlHeld, q.id, []byte(key), claimed, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		return found.scan(rows)
	})
	if err == nil {
		err = s.bury(ctx, q, found.bad)
	}
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.epoch != epoch || !q.relied() {
		return nil, 0, nil
	}
	for _, d := range found.good {
		out = append(out, s.give1(q, d, now, lease))
	}
	return out, len(found.bad), nil
}

// Ended gives the keys of messages that ended without having been given to this hub, as far as it knows.
func (s *Store) Ended(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return nil
	}
	ended := q.ended
	q.ended = nil
	return ended
}

// ends notes that a message of the key ended, for who claims from the queue. Store.mu is held.
func (q *pgQueue) ends(key string) {
	if key != "" && q.epoch != 0 {
		q.ended = append(q.ended, key)
	}
}

// Release gives claimed messages back. A held one becomes ready, durably.
func (s *Store) Release(ctx context.Context, given []*hub.Delivery) error {
	if err := s.ok(); err != nil {
		return err
	}
	var held []*pgClaim
	var seqs []int64
	s.mu.Lock()
	for _, d := range given {
		q := s.queues[d.Queue]
		if q == nil {
			continue
		}
		switch c := q.claims[d.Seq]; {
		case c == nil || c.d.Epoch != d.Epoch || c.busy:
		case c.d.State == hub.Held:
			c.busy = true
			held, seqs = append(held, c), append(seqs, d.Seq)
		default:
			s.unclaim(q, c)
		}
	}
	s.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	err := s.read(context.WithoutCancel(ctx), func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "UPDATE messages m SET state=1 WHERE seq=ANY($1) AND state=3 AND EXISTS(SELECT 1 FROM queues WHERE id=m.queue AND owner=$2)", seqs, s.id)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range held {
		c.busy = false
		q := s.queues[c.d.Queue]
		if err == nil && q.claims[c.d.Seq] == c {
			s.unclaim(q, c)
			q.look = true
		}
	}
	return err
}

// giveBack releases what a failed call had claimed, and returns its error.
func (s *Store) giveBack(ctx context.Context, out []*hub.Delivery, err error) error {
	_ = s.Release(ctx, out) // those that Claim gives are free at once
	return err
}
