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

// ClaimHeld takes the held messages of one key, if this hub has the queue: only Claim takes
// a lease. Where it finds none but damaged ones, it looks behind them.
func (s *Store) ClaimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	if err := s.Usable(); err != nil {
		return nil, err
	}
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	q.Serial.Lock()
	defer q.Serial.Unlock()
	for {
		now := s.o.Clock.Now()
		give := func(d *hub.Delivery) *hub.Delivery { return s.give(q, d, now, lease) }
		if out, damaged, err := s.claimBy(ctx, q, now, give, sqlHeld, []byte(key), limit); err != nil || len(out) > 0 || damaged == 0 {
			return out, err
		}
	}
}

// claimBy gives the messages of q that sql finds and that are still this hub's to give then. The parameters of sql are the queue, the messages that
// it leaves out since this hub has claimed them, and args. Damaged ones are buried, and counted. q.Serial is held.
func (s *Store) claimBy(ctx context.Context, q *queue, now time.Time, give func(*hub.Delivery) *hub.Delivery, sql string, args ...any) (out []*hub.Delivery, damaged int, err error) {
	s.mu.Lock()
	if !q.relied() {
		s.mu.Unlock()
		return nil, 0, nil
	}
	s.expire(q, now)
	claimed, epoch := slices.AppendSeq([]int64{}, maps.Keys(q.Claims)), q.epoch
	s.mu.Unlock()
	var f found
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		f = found{clock: s.o.Clock}
		return ask(ctx, c, f.scan, sql, append([]any{q.ID, claimed}, args...)...)
	})
	if err == nil {
		err = s.bury(ctx, q, f.Bad)
	}
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.epoch != epoch || !q.relied() {
		return nil, 0, nil
	}
	for _, d := range f.Good {
		out = append(out, give(d))
	}
	return out, len(f.Bad), nil
}

// Ended gives the keys of messages that ended without having been given to this hub, as far as it knows.
func (s *Store) Ended(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[name]
	if q == nil {
		return nil
	}
	return q.TakeEnded()
}

// ends notes that a message of the key ended, for who claims from the queue. Store.mu is held.
func (q *queue) ends(key string) {
	if q.epoch != 0 {
		q.Ends(key)
	}
}

// Release gives claimed messages back. A held one becomes ready, durably.
func (s *Store) Release(ctx context.Context, given []*hub.Delivery) error {
	if err := s.Usable(); err != nil {
		return err
	}
	s.mu.Lock()
	held := core.Release(given, func(name string) *queue { return s.queues[name] }, s.unclaim)
	s.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	var seqs []int64
	for _, c := range held {
		seqs = append(seqs, c.D.Seq)
	}
	err := s.exec(context.WithoutCancel(ctx), `UPDATE messages m SET state=1 WHERE seq=ANY($1) AND state=3
		AND EXISTS(SELECT 1 FROM queues WHERE id=m.queue AND owner=$2)`, seqs, s.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range held {
		q := s.queues[c.D.Queue]
		if q.Claims[c.D.Seq] != c {
			continue
		}
		s.unclaim(q, c) // after an error, too: what is still held is given by ClaimHeld, before what is held behind it
		if q.look = true; err != nil {
			q.kept[c.D.Msg.Key] = true // or heal makes it ready
		}
	}
	return err
}
