package sqlite

import (
	"context"
	"database/sql/driver"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	sqlRefuse     = "INSERT INTO refused(seq,time,id,corr,source,reason,value) VALUES(?,?,?,?,?,?,?)"
	sqlRefusedOld = "DELETE FROM refused WHERE source=?1 AND reason=?2 AND seq<=(SELECT seq FROM refused WHERE source=?1 AND reason=?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)"
	sqlRefusedAll = "SELECT count(*) FROM refused INDEXED BY refused_kind"
	sqlRefusedTop = "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY seq LIMIT ?)"
)

// refuse keeps a unit's refusals, and deletes the oldest past the bounds.
func (b *batch) refuse(j *job) error {
	list := j.u.Refused
	if len(list) == 0 {
		return nil
	}
	kinds := map[[2]string]bool{}
	for i := range list {
		r := &list[i]
		kinds[[2]string{r.Source, r.Reason}] = true
		if _, err := b.c.exec(sqlRefuse, b.next(), core.Nanos(b.now), r.ID, core.Optional(r.Correlation), r.Source, r.Reason, j.refused[i]); err != nil {
			return err
		}
	}
	for k := range kinds {
		if _, err := b.c.exec(sqlRefusedOld, k[0], k[1], int64(hub.MaxRefusalsOfKind)); err != nil {
			return err
		}
	}
	n, err := b.c.number(sqlRefusedAll)
	if err == nil && n > hub.MaxRefusals {
		_, err = b.c.exec(sqlRefusedTop, n-hub.MaxRefusals)
	}
	return err
}

// Refusals pages through what was refused, newest first.
func (s *Store) Refusals(ctx context.Context, q hub.RefusalQuery) (out []hub.Refusal, err error) {
	where, args := core.RefusalFilter(q, func(int) string { return "?" }, func(s string) any { return s })
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT seq, value FROM refused"+where+" ORDER BY seq DESC LIMIT ?", args, func(v []driver.Value) error {
			value, _ := v[1].([]byte)
			out = append(out, core.DecodeRefusal(v[0].(int64), value))
			return nil
		})
	})
	return out, err
}
