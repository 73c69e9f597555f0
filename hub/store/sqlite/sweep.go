package sqlite

import (
	"context"
	"orderhub/hub/store/core"
	"time"
)

// Sweep deletes up to limit expired records, and rows of history and refusals older than
// keep (0: they are kept), and gives free pages back to the disk when a quarter
// of the file is free.
func (s *Store) Sweep(ctx context.Context, keep time.Duration, limit int) (int, error) {
	total := 0
	for total < limit {
		n, part := 0, min(limit-total, 1000)
		err := s.do(ctx, 64<<10, func(b *batch) (err error) {
			n, err = b.sweep(keep, part)
			return err
		})
		total += n
		if err != nil {
			return total, err
		}
		if n < part {
			break
		}
	}
	return total, s.alone(ctx, s.shrink)
}

func (b *batch) sweep(keep time.Duration, limit int) (int, error) {
	n, err := b.c.exec(inRecords.sweep, core.Nanos(b.now), int64(limit))
	if err == nil && int(n) < limit {
		var m int64
		m, err = b.c.exec(inStates.sweep, core.Nanos(b.now), int64(limit)-n)
		n += m
	}
	if err != nil || keep <= 0 || int(n) == limit {
		return int(n), err
	}
	old, last := core.Nanos(b.now.Add(-keep)), int64(0)
	m, err := b.c.exec("DELETE FROM refused WHERE seq IN (SELECT seq FROM (SELECT seq, time FROM refused ORDER BY seq LIMIT ?) WHERE time<?)",
		int64(limit)-n, old)
	if n += m; err != nil || int(n) == limit {
		return int(n), err
	}
	err = b.c.query(context.Background(), "SELECT seq, time FROM history ORDER BY seq LIMIT ?", []any{int64(limit) - n}, func(r core.Row) error {
		if r.Int(1) >= old {
			return core.ErrStop
		}
		last = r.Int(0)
		return nil
	})
	if err != nil || last == 0 {
		return int(n), err
	}
	m, err = b.c.exec("DELETE FROM history WHERE seq<=?", last)
	if err == nil {
		_, err = b.c.exec("DELETE FROM links WHERE seq<=?", last)
	}
	if err == nil {
		_, err = b.c.exec("DELETE FROM terms WHERE seq<=?", last)
	}
	return int(n + m), err
}

// shrink runs in the writer.
func (s *Store) shrink() error {
	free, err := s.w.number("PRAGMA freelist_count")
	if err != nil || free < 4096 {
		return err
	}
	all, err := s.w.number("PRAGMA page_count")
	if err != nil || free*4 < all {
		return err
	}
	_, err = s.w.exec("PRAGMA incremental_vacuum(2000)")
	return err
}
