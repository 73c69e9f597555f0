package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const sqlPick = "SELECT " + core.Columns + ", false FROM messages m WHERE queue=$1 AND seq=ANY($2) AND seq<>ALL($3) ORDER BY seq"

// Pick claims the messages of the queue that have these numbers and that nobody has. It takes the lease of the queue if that is free.
func (s *Store) Pick(ctx context.Context, name string, seqs []int64, lease time.Duration) (out []*hub.Delivery, err error) {
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
	s.mu.Lock()
	s.expire(q, now)
	claimed, epoch := slices.AppendSeq([]int64{}, maps.Keys(q.Claims)), q.epoch
	s.mu.Unlock()
	var f found
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		f = found{clock: s.o.Clock}
		return ask(ctx, c, f.scan, sqlPick, q.ID, seqs, claimed)
	})
	if err == nil {
		err = s.bury(ctx, q, f.Bad)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || q.epoch != epoch || !q.relied() {
		return nil, err
	}
	for _, d := range f.Good {
		s.claims++
		out = append(out, q.Pick(d, q.epoch, s.claims, now, lease))
	}
	return out, nil
}
