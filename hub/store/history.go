package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"orderhub/hub"
)

const historyRows = 10_000 // of one answer

// history keeps the events of a unit.
func (b *batch) history(j *job) error {
	if len(j.events) == 0 {
		return nil
	}
	seq, outside := b.next(), any(nil)
	if j.outside {
		outside, b.last = int64(1), j.u.Root
	}
	_, err := b.c.exec("INSERT INTO history(seq,time,root,corr,outside,events) VALUES(?,?,?,?,?,?)",
		seq, nanos(b.now), j.u.Root, optional(j.u.Correlation), outside, j.events)
	for _, l := range j.links {
		if err == nil {
			_, err = b.c.exec("INSERT OR IGNORE INTO links VALUES(?,?)", l, seq)
		}
	}
	return err
}

// History is all that is known of a root or a correlation, and of what is
// connected with it: at most 10,000 rows, oldest first.
func (s *SQLite) History(ctx context.Context, id string) (out []hub.HistoryRow, err error) {
	if id == "last" {
		if id, err = s.lastRoot(ctx); err != nil || id == "" {
			return nil, err
		}
	}
	err = s.read(ctx, func(c *conn) error {
		out, err = trace(ctx, id, func(ctx context.Context, sql, id string, row func(hub.HistoryRow)) error {
			return c.query(ctx, sql, []any{id, int64(historyRows)}, func(v []driver.Value) error {
				r := hub.HistoryRow{Seq: v[0].(int64)}
				r.Root, _ = v[1].(string)
				r.Correlation, _ = v[2].(string)
				events, _ := v[3].([]byte)
				if r.Events, err = decodeEvents(events); err != nil {
					r.Events = []hub.Event{{What: corrupt, Detail: fmt.Sprint(err)}}
				}
				row(r)
				return nil
			})
		})
		return err
	})
	return out, err
}

var historyQueries = [...]string{
	"SELECT seq, root, corr, events FROM history WHERE root=? ORDER BY seq LIMIT ?",
	"SELECT seq, root, corr, events FROM history WHERE corr=? ORDER BY seq LIMIT ?",
	"SELECT h.seq, h.root, h.corr, h.events FROM links JOIN history h USING(seq) WHERE links.root=? ORDER BY seq LIMIT ?",
}

// trace follows roots, correlations and links from id on.
func trace(ctx context.Context, id string, query func(ctx context.Context, sql, id string, row func(hub.HistoryRow)) error) ([]hub.HistoryRow, error) {
	rows := map[int64]hub.HistoryRow{}
	seen, todo := map[string]bool{id: true}, []string{id}
	visit := func(id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			todo = append(todo, id)
		}
	}
	for len(todo) > 0 && len(rows) < historyRows {
		next := todo[0]
		todo = todo[1:]
		for _, sql := range historyQueries {
			err := query(ctx, sql, next, func(r hub.HistoryRow) {
				if _, known := rows[r.Seq]; known || len(rows) == historyRows {
					return
				}
				rows[r.Seq] = r
				visit(r.Root)
				visit(r.Correlation)
				for _, e := range r.Events {
					for _, l := range e.Links {
						visit(l)
					}
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	out := make([]hub.HistoryRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b hub.HistoryRow) int { return int(a.Seq - b.Seq) })
	return out, nil
}

// lastRoot is the newest root from outside.
func (s *SQLite) lastRoot(ctx context.Context) (root string, err error) {
	s.mu.Lock()
	root = s.last
	s.mu.Unlock()
	if root != "" {
		return root, nil
	}
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT root FROM history WHERE outside=1 ORDER BY seq DESC LIMIT 1", nil, func(v []driver.Value) error {
			root, _ = v[0].(string)
			return nil
		})
	})
	return root, err
}
