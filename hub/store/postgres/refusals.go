package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	pgKeepRefused = `INSERT INTO refused(seq,time,id,corr,source,reason,value)
		SELECT u.seq, $1, u.id, nullif(u.corr,''), u.source, u.reason, u.value FROM unnest($2::bigint[],$3::bytea[],$4::bytea[],$5::bytea[],$6::bytea[],$7::bytea[]) u(seq,id,corr,source,reason,value)`
	pgRefusedOld = `DELETE FROM refused r USING unnest($1::bytea[],$2::bytea[]) k(source,reason) WHERE r.source=k.source AND r.reason=k.reason
		AND r.seq<=(SELECT seq FROM refused o WHERE o.source=k.source AND o.reason=k.reason ORDER BY seq DESC LIMIT 1 OFFSET $3)`
	pgRefusedTop = "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY seq LIMIT greatest(0, (SELECT count(*) FROM refused)-$1))"
)

// tellRefusals keeps the batch's refusals, and deletes the oldest past the bounds.
func (b *pgBatch) tellRefusals(q *pgx.Batch) {
	var seqs []int64
	var ids, corrs, sources, reasons, values, kindSources, kindReasons [][]byte
	kinds := map[[2]string]bool{}
	for _, j := range b.passed {
		for i := range j.u.Refused {
			r := &j.u.Refused[i]
			seqs, ids, corrs = append(seqs, b.next()), append(ids, []byte(r.ID)), append(corrs, []byte(r.Correlation))
			sources, reasons, values = append(sources, []byte(r.Source)), append(reasons, []byte(r.Reason)), append(values, j.refused[i])
			if k := [2]string{r.Source, r.Reason}; !kinds[k] {
				kinds[k] = true
				kindSources, kindReasons = append(kindSources, []byte(k[0])), append(kindReasons, []byte(k[1]))
			}
		}
	}
	if len(seqs) > 0 {
		q.Queue(pgKeepRefused, core.Nanos(b.now), seqs, ids, corrs, sources, reasons, values)
		q.Queue(pgRefusedOld, kindSources, kindReasons, hub.MaxRefusalsOfKind)
		q.Queue(pgRefusedTop, hub.MaxRefusals)
	}
}

// Refusals pages through what was refused, newest first.
func (s *Store) Refusals(ctx context.Context, q hub.RefusalQuery) (out []hub.Refusal, err error) {
	where, args := core.RefusalFilter(q, func(n int) string { return fmt.Sprintf("$%d", n) }, func(s string) any { return []byte(s) })
	sql := fmt.Sprintf("SELECT seq, value FROM refused%s ORDER BY seq DESC LIMIT $%d", where, len(args))
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		var seq int64
		var value []byte
		_, err = pgx.ForEachRow(rows, []any{&seq, &value}, func() error { out = append(out, core.DecodeRefusal(seq, value)); return nil })
		return err
	})
	return out, err
}
