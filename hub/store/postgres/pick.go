package postgres

import (
	"context"
	"time"

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
		return nil, hub.Fail(hub.Unavailable, "queue_elsewhere", "another hub that shares this store has the queue %s: ask that one", name)
	}
	now := s.o.Clock.Now()
	give := func(d *hub.Delivery) *hub.Delivery {
		s.claims++
		return q.Pick(d, q.epoch, s.claims, now, lease)
	}
	out, _, err := s.claimBy(ctx, q, now, give, sqlPick, seqs)
	return out, err
}
