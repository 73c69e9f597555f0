package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"

	"orderhub/hub"
)

// Awaiting groups the messages that wait after a failure.
func (s *SQLite) Awaiting(ctx context.Context) (out []hub.Awaiting, err error) {
	err = s.read(ctx, func(c *conn) error {
		var ids []int64
		err := c.query(ctx, "SELECT cause, queue, count(*), min(due) FROM messages INDEXED BY awaiting WHERE state=2 AND cause IS NOT NULL GROUP BY cause, queue",
			nil, func(v []driver.Value) error {
				part, _ := v[0].(string)
				due, _ := v[3].(int64)
				ids = append(ids, v[1].(int64))
				out = append(out, hub.Awaiting{For: part, Queue: s.nameOf(v[1].(int64)), Count: int(v[2].(int64)), Next: timeOf(due)})
				return nil
			})
		for i := range out {
			if err != nil {
				return err
			}
			err = c.query(ctx, "SELECT "+columns+" FROM messages INDEXED BY awaiting WHERE state=2 AND cause=? AND queue=? ORDER BY due LIMIT 1",
				[]any{out[i].For, ids[i]}, func(v []driver.Value) error {
					out[i].Sample, _ = s.delivery(v)
					return nil
				})
		}
		return err
	})
	out = slices.DeleteFunc(out, func(a hub.Awaiting) bool { return a.Sample == nil }) // it ran meanwhile
	return sortAwaiting(out), err
}

func sortAwaiting(list []hub.Awaiting) []hub.Awaiting {
	slices.SortFunc(list, func(a, b hub.Awaiting) int { return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.For, b.For)) })
	return list
}

// Hasten makes messages that await a part of the hub due now.
func (s *SQLite) Hasten(ctx context.Context, part string, limit int) (n int, err error) {
	err = s.submit(ctx, &job{size: 64 * limit, run: func(b *batch) error {
		n = 0
		now := nanos(b.now)
		return b.c.query(context.Background(), `UPDATE messages SET due=? WHERE seq IN (SELECT seq FROM messages INDEXED BY awaiting
			WHERE state=2 AND cause=? AND due>? ORDER BY due LIMIT ?) RETURNING seq, queue`, []any{now, part, now, int64(limit)}, func(v []driver.Value) error {
			name := s.nameOf(v[1].(int64))
			s.mu.Lock()
			q := s.queueOf(name)
			s.mu.Unlock()
			b.effects = append(b.effects, effect{q: q, seq: v[0].(int64), from: hub.Waiting, to: hub.Waiting, due: b.now})
			n++
			return nil
		})
	}})
	return n, err
}

// Awaiting groups the messages that wait after a failure.
func (s *Memory) Awaiting(context.Context) (out []hub.Awaiting, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, r := range s.awaiting() {
		i := slices.IndexFunc(out, func(a hub.Awaiting) bool { return a.Queue == r.d.Queue && a.For == r.await })
		if i < 0 {
			d := r.d
			i, out = len(out), append(out, hub.Awaiting{Queue: d.Queue, For: r.await, Next: d.Due, Sample: &d})
		}
		out[i].Count++
	}
	return sortAwaiting(out), nil
}

// awaiting are the rows that wait after a failure, the earliest due first.
func (s *Memory) awaiting() []*memoryRow {
	rows := s.sorted(func(r *memoryRow) bool { return r.d.State == hub.Waiting && r.await != "" })
	slices.SortStableFunc(rows, func(a, b *memoryRow) int { return a.d.Due.Compare(b.d.Due) })
	return rows
}

// awaits notes what a row that waits from now on awaits.
func (r *memoryRow) awaits(part string) {
	if r.await = part; part == "" && r.d.Error != nil {
		r.await = r.d.Error.Cause
	}
}

// Hasten makes messages that await a part of the hub due now.
func (s *Memory) Hasten(_ context.Context, part string, limit int) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	for _, r := range s.awaiting() {
		if r.await == part && r.d.Due.After(now) && n < limit {
			r.d.Due = now
			n++
		}
	}
	return n, nil
}
