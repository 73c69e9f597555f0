package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const (
	sqlExpired = `DELETE FROM records WHERE (kind,key) IN
		(SELECT kind, key FROM records WHERE expires<=$1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`
	sqlUnkept = "DELETE FROM refused WHERE seq IN (SELECT seq FROM (SELECT seq, time FROM refused ORDER BY seq LIMIT $2) r WHERE time<$1)"
	// What history there is to be swept of rows with a time of their own, and of others behind a number.
	sqlOver = "SELECT seq FROM history WHERE until<=$1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED"
	sqlOld  = "SELECT seq FROM (SELECT seq, time FROM history WHERE seq>$3 AND until IS NULL ORDER BY seq LIMIT $2) h WHERE time<$1"
	// Hubs that ended without a goodbye.
	sqlGone = `WITH gone AS (DELETE FROM hubs WHERE expires<clock_timestamp()-interval '1 day' RETURNING id)
		DELETE FROM writers WHERE hub IN (SELECT id FROM gone)`
)

// sweepSQL deletes the rows of history that a statement selects, with what they are linked to. It gives their count and the last one.
func sweepSQL(rows string) string {
	return "WITH old AS (DELETE FROM history WHERE seq IN (" + rows + ") RETURNING seq), cut AS (DELETE FROM links WHERE seq IN (SELECT seq FROM old))" +
		" SELECT count(*), coalesce(max(seq), 0) FROM old"
}

// Sweep deletes up to limit of what is over. Where several hubs sweep, each row is deleted by one of them. Autovacuum makes room of it, which new rows take.
func (s *Store) Sweep(ctx context.Context, keep store.Retention, limit int) (n int, more bool, err error) {
	now := core.Nanos(s.o.Clock.Now())
	swept := s.swept.Load()
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		n = 0
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			w := &sweep{tx, limit, &n}
			if err := w.delete(ctx, sqlExpired, now); err != nil {
				return err
			}
			if keep.Refusals > 0 {
				if err := w.delete(ctx, sqlUnkept, now-int64(keep.Refusals)); err != nil {
					return err
				}
			}
			_, err := w.history(ctx, sqlOver, now)
			if err == nil && keep.History > 0 {
				var last int64
				last, err = w.history(ctx, sqlOld, now-int64(keep.History), swept)
				swept = max(swept, last)
			}
			if err == nil {
				_, err = tx.Exec(ctx, core.SweepTerms+";"+sqlGone)
			}
			return err
		})
	})
	if err == nil {
		s.swept.Store(swept)
	}
	return n, n >= limit, err
}

// sweep is one transaction of a Sweep.
type sweep struct {
	tx    pgx.Tx
	limit int
	n     *int // deleted
}

// delete runs a statement with a time and what is left of the limit.
func (w *sweep) delete(ctx context.Context, sql string, old int64) error {
	t, err := w.tx.Exec(ctx, sql, old, w.limit-*w.n)
	*w.n += int(t.RowsAffected())
	return err
}

// history deletes the rows of history that a statement selects, and gives the last one.
func (w *sweep) history(ctx context.Context, rows string, old int64, args ...any) (last int64, err error) {
	var n int
	err = w.tx.QueryRow(ctx, sweepSQL(rows), append([]any{old, w.limit - *w.n}, args...)...).Scan(&n, &last)
	*w.n += n
	return last, err
}
