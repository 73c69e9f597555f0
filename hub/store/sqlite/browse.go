package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Retrying lists the keys that a failed, waiting message blocks.
func (s *Store) Retrying(ctx context.Context, name string) (keys []string, err error) {
	s.mu.Lock()
	q := s.queueOf(name)
	none, id := q.counts[hub.Waiting] == 0, q.id
	s.mu.Unlock()
	if none {
		return nil, s.ok()
	}
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, "SELECT DISTINCT key FROM messages INDEXED BY retrying WHERE queue=? AND state=2 AND (error IS NOT NULL OR attempts>0) AND key IS NOT NULL ORDER BY key",
			[]any{id}, func(v []driver.Value) error {
				key, _ := v[0].(string)
				keys = append(keys, key)
				return nil
			})
	})
	return keys, err
}

// Keys counts the messages of each key in a queue that are not dead.
func (s *Store) Keys(ctx context.Context, name string) (map[string]int, error) {
	s.mu.Lock()
	q := s.queueOf(name)
	none, id := q.counts[hub.Ready]+q.counts[hub.Waiting]+q.counts[hub.Held] == 0, q.id
	s.mu.Unlock()
	out := map[string]int{}
	if none {
		return out, s.ok()
	}
	err := s.read(ctx, func(c *conn) error {
		for _, from := range []string{"INDEXED BY ready WHERE queue=? AND state=1", "INDEXED BY waiting WHERE queue=? AND state=2", "INDEXED BY held WHERE queue=? AND state=3"} {
			err := c.query(ctx, "SELECT key, count(*) FROM messages "+from+" AND key IS NOT NULL GROUP BY key", []any{id}, func(v []driver.Value) error {
				key, _ := v[0].(string)
				n, _ := v[1].(int64)
				out[key] += int(n)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Queues tells the depth of every queue that has messages, by name.
func (s *Store) Queues(ctx context.Context) ([]hub.QueueStats, error) {
	var out []hub.QueueStats
	var ids []int64
	s.mu.Lock()
	for _, q := range s.queues {
		st := hub.QueueStats{Queue: q.name, Ready: q.counts[hub.Ready], Waiting: q.counts[hub.Waiting], Held: q.counts[hub.Held], Dead: q.counts[hub.Dead]}
		if st.Ready+st.Waiting+st.Held+st.Dead > 0 {
			out, ids = append(out, st), append(ids, q.id)
		}
	}
	s.mu.Unlock()
	err := s.read(ctx, func(c *conn) error {
		for i := range out {
			if err := ages(ctx, c, &out[i], ids[i]); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b hub.QueueStats) int { return cmp.Compare(a.Queue, b.Queue) })
	return out, err
}

// ages finds the oldest message and the next due time, from indexes.
func ages(ctx context.Context, c *conn, st *hub.QueueStats, id int64) error {
	for _, part := range []struct {
		n   int
		sql string
	}{
		{st.Ready, "SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY ready WHERE queue=? AND state=1)"},
		{st.Waiting, "SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY waiting WHERE queue=? AND state=2)"},
		{st.Held, "SELECT head FROM messages WHERE seq=(SELECT min(seq) FROM messages INDEXED BY held WHERE queue=? AND state=3)"},
	} {
		if part.n == 0 {
			continue
		}
		err := c.query(ctx, part.sql, []any{id}, func(v []driver.Value) error {
			head, _ := v[0].([]byte)
			st.Oldest = core.Earlier(st.Oldest, core.HeadTime(head))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if st.Waiting == 0 {
		return nil
	}
	return c.query(ctx, "SELECT min(due) FROM messages INDEXED BY waiting WHERE queue=? AND state=2", []any{id}, func(v []driver.Value) error {
		due, _ := v[0].(int64)
		st.NextDue = core.TimeOf(due)
		return nil
	})
}

// Browse pages through stored messages. A damaged one has no body.
func (s *Store) Browse(ctx context.Context, b hub.BrowseQuery) (out []*hub.Delivery, err error) {
	where, args := []string{"seq>?"}, []any{b.After}
	filter := func(sql string, value any, on bool) {
		if on {
			where, args = append(where, sql), append(args, value)
		}
	}
	index := ""
	if b.Queue != "" {
		s.mu.Lock()
		id := s.queueOf(b.Queue).id
		s.mu.Unlock()
		filter("queue=?", id, true)
	}
	switch b.State {
	case hub.Ready:
		if where = append(where, "state=1"); b.Queue != "" {
			index = " INDEXED BY ready"
		}
	case hub.Waiting:
		where, index = append(where, "state=2"), " INDEXED BY waiting"
	case hub.Held:
		where, index = append(where, "state=3"), " INDEXED BY held"
	case hub.Dead:
		where, index = append(where, "state=4"), " INDEXED BY dead"
	}
	filter("cause=?", b.Cause, b.Cause != "")
	filter("id=?", b.ID, b.ID != "")
	filter("key=?", b.Key, b.Key != "")
	filter("corr=?", b.Correlation, b.Correlation != "")
	limit := b.Limit
	if limit <= 0 {
		limit = 100
	}
	args = append(args, int64(limit))
	sql := "SELECT " + columns + " FROM messages WHERE seq IN (SELECT seq FROM messages" + index +
		" WHERE " + strings.Join(where, " AND ") + " ORDER BY seq LIMIT ?) ORDER BY seq"
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, sql, args, func(v []driver.Value) error {
			d, _ := s.delivery(v)
			out = append(out, d)
			return nil
		})
	})
	return out, err
}
