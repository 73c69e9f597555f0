package memory

import (
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// refuse keeps a unit's refusals, and drops the oldest past the bounds.
func (s *Store) refuse(u *hub.Unit) {
	if len(u.Refused) == 0 {
		return
	}
	for _, r := range u.Refused {
		s.seq++
		r.Seq = s.seq
		s.refused = append(s.refused, r)
	}
	kinds := map[[2]string]int{}
	for _, r := range s.refused {
		kinds[[2]string{r.Source, r.Reason}]++
	}
	s.refused = slices.DeleteFunc(s.refused, func(r hub.Refusal) bool {
		k := [2]string{r.Source, r.Reason}
		kinds[k]--
		return kinds[k] >= store.MaxRefusalsOfKind
	})
	s.refused = s.refused[max(0, len(s.refused)-store.MaxRefusals):]
}

// forgetRefusals drops up to limit refusals from before a time.
func (s *Store) forgetRefusals(before time.Time, limit int) (n int) {
	for n < limit && n < len(s.refused) && s.refused[n].Time.Before(before) {
		n++
	}
	s.refused = s.refused[n:]
	return n
}

// Refusals pages through what was refused, newest first.
func (s *Store) Refusals(_ context.Context, q store.RefusalQuery) (out []hub.Refusal, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	for _, r := range slices.Backward(s.refused) {
		if len(out) < limit && (q.ID == "" || q.ID == r.ID) && (q.Correlation == "" || q.Correlation == r.Correlation) &&
			(q.Source == "" || q.Source == r.Source) && (q.Reason == "" || q.Reason == r.Reason) && (q.Before <= 0 || r.Seq < q.Before) {
			out = append(out, r)
		}
	}
	return out, nil
}
