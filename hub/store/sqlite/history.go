package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

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
		seq, core.Nanos(b.now), j.u.Root, core.Optional(j.u.Correlation), outside, j.events)
	for _, l := range j.links {
		if err == nil {
			_, err = b.c.exec("INSERT OR IGNORE INTO links VALUES(?,?)", l, seq)
		}
	}
	return err
}

// History is all that is known of a root or a correlation, and of what is
// connected with it: at most 10,000 rows, oldest first.
func (s *Store) History(ctx context.Context, id string) (out []hub.HistoryRow, err error) {
	if id == "last" {
		if id, err = s.lastRoot(ctx); err != nil || id == "" {
			return nil, err
		}
	}
	err = s.read(ctx, func(c *conn) error {
		out, err = core.Trace(ctx, id, func(ctx context.Context, sql, id string, row func(hub.HistoryRow)) error {
			return c.query(ctx, sql, []any{id, int64(core.HistoryRows)}, func(v []driver.Value) error {
				r := hub.HistoryRow{Seq: v[0].(int64)}
				r.Root, _ = v[1].(string)
				r.Correlation, _ = v[2].(string)
				events, _ := v[3].([]byte)
				if r.Events, err = core.DecodeEvents(events); err != nil {
					r.Events = []hub.Event{{What: core.Corrupt, Detail: fmt.Sprint(err)}}
				}
				row(r)
				return nil
			})
		})
		return err
	})
	return out, err
}

// lastRoot is the newest root from outside.
func (s *Store) lastRoot(ctx context.Context) (root string, err error) {
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
