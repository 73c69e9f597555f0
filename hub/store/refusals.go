package store

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"orderhub/hub"
)

// encodeRefusals makes the rows of a unit's refusals.
func encodeRefusals(list []hub.Refusal) [][]byte {
	var out [][]byte
	for i := range list {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(&list[i]) // texts, numbers and a time always can
		out = append(out, b.Bytes())
	}
	return out
}

func decodeRefusal(seq int64, value []byte) hub.Refusal {
	r := hub.Refusal{}
	if err := json.Unmarshal(value, &r); err != nil {
		r.Class, r.Reason, r.Text = hub.Bug, corrupt, fmt.Sprintf("the stored refusal can't be read: %v", err)
	}
	r.Seq = seq
	return r
}

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
		if _, err := b.c.exec(sqlRefuse, b.next(), nanos(b.now), r.ID, optional(r.Correlation), r.Source, r.Reason, j.refused[i]); err != nil {
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
func (s *SQLite) Refusals(ctx context.Context, q hub.RefusalQuery) (out []hub.Refusal, err error) {
	where, args := refusalFilter(q, func(int) string { return "?" }, func(s string) any { return s })
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT seq, value FROM refused"+where+" ORDER BY seq DESC LIMIT ?", args, func(v []driver.Value) error {
			value, _ := v[1].([]byte)
			out = append(out, decodeRefusal(v[0].(int64), value))
			return nil
		})
	})
	return out, err
}

// refusalFilter is the WHERE of q and its arguments, of which the last is the
// limit. mark writes the n-th placeholder, text makes an argument of a text.
func refusalFilter(q hub.RefusalQuery, mark func(n int) string, text func(s string) any) (where string, args []any) {
	var parts []string
	add := func(sql string, value any, on bool) {
		if on {
			args = append(args, value)
			parts = append(parts, sql+mark(len(args)))
		}
	}
	add("id=", text(q.ID), q.ID != "")
	add("corr=", text(q.Correlation), q.Correlation != "")
	add("source=", text(q.Source), q.Source != "")
	add("reason=", text(q.Reason), q.Reason != "")
	add("seq<", q.Before, q.Before > 0)
	if len(parts) > 0 {
		where = " WHERE " + strings.Join(parts, " AND ")
	}
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = 100
	}
	return where, append(args, limit)
}
