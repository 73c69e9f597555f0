package memory

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Pick claims the messages of the queue that have these numbers and that nobody has.
func (s *Store) Pick(_ context.Context, name string, seqs []int64, lease time.Duration) (out []*hub.Delivery, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	q, now := s.queue(name), s.o.Clock.Now()
	s.expire(q, now)
	for _, seq := range core.InOrder(seqs) {
		r := s.rows[seq]
		if r == nil || r.d.Queue != name || q.Claims[seq] != nil {
			continue
		}
		q.ready.Remove(seq)
		s.seq++
		out = append(out, q.Pick(&r.d, 0, s.seq, now, lease))
	}
	return out, nil
}
