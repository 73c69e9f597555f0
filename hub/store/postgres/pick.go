package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const sqlPick = "SELECT " + core.Columns + ", false FROM messages m WHERE queue=$1 AND seq<>ALL($2) AND seq=ANY($3) ORDER BY seq"

// Pick claims the messages of the queue that have these numbers and that nobody has. It takes the lease of the queue if that is free.
func (s *Store) Pick(ctx context.Context, name string, seqs []int64, lease time.Duration) ([]*hub.Delivery, error) {
	if err := s.Usable(); err != nil {
		return nil, err
	}
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	q.Serial.Lock()
	defer q.Serial.Unlock()
	if held, _, err := s.holds(ctx, q); err != nil {
		return nil, err
	} else if !held {
		return nil, s.elsewhere(ctx, q)
	}
	now := s.o.Clock.Now()
	give := func(d *hub.Delivery) *hub.Delivery {
		s.claims++
		return q.Pick(d, q.epoch, s.claims, now, lease)
	}
	out, _, err := s.claimBy(ctx, q, now, give, sqlPick, seqs)
	return out, err
}

// elsewhere is the error of who asks this hub for what the one that has the queue must do: it says which that is.
func (s *Store) elsewhere(ctx context.Context, q *queue) error {
	owner := ""
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT coalesce((SELECT h.name FROM queues q JOIN hubs h ON h.id=q.owner WHERE q.id=$1), '')", q.ID).Scan(&owner)
	})
	if err != nil {
		return err
	}
	if owner == "" {
		return hub.Fail(hub.Unavailable, "queue_elsewhere", "another hub that shares this store had the queue %s until now: ask again", q.Name)
	}
	return hub.Fail(hub.Unavailable, "queue_elsewhere", "the hub %q, which shares this store, has the queue %s: ask that one (--hub names its control socket)", owner, q.Name)
}
