package sqlite

import (
	"context"
	"strconv"

	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const (
	freeLeast = 4096 // pages that may be free, however small the file is
	freePart  = 4    // 1/4 of the pages may be free
	giveBack  = 256  // pages that one Sweep gives to the disk at most: SQLite moves as many from the end of the file
)

// Sweep deletes up to limit of what is over, and gives free pages back to the disk when a quarter of the file is free.
func (s *Store) Sweep(ctx context.Context, keep store.Retention, limit int) (n int, more bool, err error) {
	w := &sweep{limit: int64(limit), swept: s.swept}
	if err := s.do(ctx, 64<<10, func(b *batch) error { return w.run(b, keep) }); err != nil {
		return 0, false, err
	}
	s.swept = w.swept
	err = s.alone(ctx, func() (err error) { more, err = s.shrink(); return err })
	return int(w.n), more || w.n == w.limit, err
}

// sweep is one transaction of a Sweep.
type sweep struct {
	b        *batch
	n, limit int64
	swept    int64 // Store.swept, if the transaction is committed
}

func (w *sweep) run(b *batch, keep store.Retention) error {
	w.b, w.n = b, 0
	now := core.Nanos(b.now)
	for _, of := range []*recordSQL{inRecords, inStates} {
		if err := w.delete(of.sweep, now, w.limit-w.n); err != nil {
			return err
		}
	}
	if keep.Refusals > 0 {
		if err := w.delete("DELETE FROM refused WHERE seq IN (SELECT seq FROM (SELECT seq, time FROM refused ORDER BY seq LIMIT ?2) WHERE time<?1)",
			now-int64(keep.Refusals), w.limit-w.n); err != nil {
			return err
		}
	}
	const own = "IN (SELECT seq FROM history INDEXED BY history_until WHERE until<=? ORDER BY until, seq LIMIT ?)"
	if err := w.history("seq "+own, "seq "+own, now, w.limit-w.n); err != nil {
		return err
	}
	if keep.History <= 0 || w.n == w.limit {
		return nil
	}
	last, err := w.over(now - int64(keep.History))
	if err == nil && last > w.swept {
		const between = "seq>?1 AND seq<=?2"
		err = w.history(between+" AND seq NOT IN (SELECT seq FROM history WHERE "+between+" AND until IS NOT NULL)", between+" AND until IS NULL", w.swept, last)
		w.swept = last
	}
	if err == nil {
		_, err = b.c.exec(core.SweepTerms)
	}
	return err
}

// over is the number of the last row of history, of as many as are to be swept, that was written before a time and has none of its own.
func (w *sweep) over(old int64) (last int64, err error) {
	err = w.b.c.query(context.Background(), "SELECT max(seq) FROM (SELECT seq, time FROM history WHERE seq>? AND until IS NULL ORDER BY seq LIMIT ?) WHERE time<?",
		[]any{w.swept, w.limit - w.n, old}, func(r core.Row) error { last = r.Int(0); return nil })
	return last, err
}

// history deletes rows of history with what they are linked to: of each table those that meet a condition.
func (w *sweep) history(found, rows string, args ...any) error {
	if w.n == w.limit {
		return nil
	}
	if _, err := w.b.c.exec("DELETE FROM links WHERE "+found, args...); err != nil {
		return err
	}
	return w.delete("DELETE FROM history WHERE "+rows, args...)
}

// delete runs a statement, and counts what it deletes.
func (w *sweep) delete(sql string, args ...any) error {
	if w.n == w.limit {
		return nil
	}
	n, err := w.b.c.exec(sql, args...)
	w.n += n
	return err
}

// shrink runs in the writer. more: there is more to give back.
func (s *Store) shrink() (more bool, err error) {
	free, err := s.w.number("PRAGMA freelist_count")
	if err != nil || free < freeLeast {
		return false, err
	}
	all, err := s.w.number("PRAGMA page_count")
	if err != nil || free*freePart < all {
		return false, err
	}
	_, err = s.w.exec("PRAGMA incremental_vacuum(" + strconv.Itoa(giveBack) + ")")
	s.checkpoint()
	return true, err
}
