package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const sqlRetrying = "SELECT DISTINCT w.key FROM messages w WHERE w.queue=$1 AND " + retrying + " ORDER BY w.key"

// Retrying lists the keys that a failed, waiting message blocks.
func (s *Store) Retrying(ctx context.Context, name string) (keys []string, err error) {
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, sqlRetrying, q.id)
		if err != nil {
			return err
		}
		keys, err = texts(rows)
		return err
	})
	return keys, err
}

// Keys counts the messages of each key in a queue that are not dead.
func (s *Store) Keys(ctx context.Context, name string) (out map[string]int, err error) {
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = map[string]int{}
		rows, err := c.Query(ctx, "SELECT key, count(*) FROM messages WHERE queue=$1 AND state IN (1,2,3) AND key IS NOT NULL GROUP BY key", q.id)
		if err != nil {
			return err
		}
		var key []byte
		var n int
		_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error { out[string(key)] = n; return nil })
		return err
	})
	return out, err
}

// manyReady is how many ready messages are searched for a key: behind so many,
// every message of the queue has to wait anyhow.
const manyReady = 256

const sqlBlocked = `SELECT EXISTS(SELECT 1 FROM messages WHERE queue=$1 AND key=$2 AND state=2) OR EXISTS(SELECT 1 FROM messages WHERE queue=$1 AND key=$2 AND state=3)
	OR (SELECT coalesce(bool_or(r.key=$2), false) OR count(*)>=$3 FROM (SELECT key FROM messages WHERE queue=$1 AND state=1 ORDER BY seq LIMIT $3) r)`

// Blocked tells whether a message of the key lies in the queue, whichever hub
// put it there: what comes directly must go behind it. It may also say so of any key when the queue is long.
func (s *Store) Blocked(ctx context.Context, queue, key string) (blocked bool, err error) {
	if key == "" {
		return false, s.ok()
	}
	q, err := s.queue(ctx, queue)
	if err != nil {
		return false, err
	}
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sqlBlocked, q.id, []byte(key), manyReady).Scan(&blocked)
	})
	return blocked, err
}

const sqlQueues = `WITH n AS (
		SELECT queue, 1 AS state, count(*) AS n, 0::bigint AS due, min(seq) AS seq FROM messages WHERE state=1 GROUP BY queue
		UNION ALL SELECT queue, 2, count(*), min(due), min(seq) FROM messages WHERE state=2 GROUP BY queue
		UNION ALL SELECT queue, 3, count(*), 0, min(seq) FROM messages WHERE state=3 GROUP BY queue
		UNION ALL SELECT queue, 4, count(*), 0, 0 FROM messages WHERE state=4 GROUP BY queue)
	SELECT q.name, n.state, n.n, n.due, (SELECT head FROM messages m WHERE m.seq=n.seq) FROM n JOIN queues q ON q.id=n.queue ORDER BY q.name, n.state`

// Queues tells the depth of every queue that has messages, by name. It counts.
func (s *Store) Queues(ctx context.Context) (out []hub.QueueStats, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sqlQueues)
		if err != nil {
			return err
		}
		var name string
		var state, n int
		var due int64
		var head []byte
		_, err = pgx.ForEachRow(rows, []any{&name, &state, &n, &due, &head}, func() error {
			if len(out) == 0 || out[len(out)-1].Queue != name {
				out = append(out, hub.QueueStats{Queue: name})
			}
			st := &out[len(out)-1]
			switch hub.State(state) {
			case hub.Ready:
				st.Ready = n
			case hub.Waiting:
				st.Waiting, st.NextDue = n, core.TimeOf(due)
			case hub.Held:
				st.Held = n
			case hub.Dead:
				st.Dead = n
				return nil
			}
			st.Oldest = core.Earlier(st.Oldest, core.HeadTime(head))
			return nil
		})
		return err
	})
	return out, err
}

// Browse pages through stored messages. A damaged one has no body.
func (s *Store) Browse(ctx context.Context, b hub.BrowseQuery) (out []*hub.Delivery, err error) {
	where, args := []string{"m.seq>$1"}, []any{b.After}
	filter := func(sql string, value any, on bool) {
		if on {
			args = append(args, value)
			where = append(where, fmt.Sprintf(sql, len(args)))
		}
	}
	filter("m.queue=(SELECT id FROM queues WHERE name=$%d)", b.Queue, b.Queue != "")
	if b.State != hub.Done {
		where = append(where, fmt.Sprintf("m.state=%d", b.State)) // a literal: its index is partial
	} else if b.Cause != "" {
		where = append(where, "m.state=4")
	}
	filter("m.cause=$%d", b.Cause, b.Cause != "")
	filter("m.id=$%d", []byte(b.ID), b.ID != "")
	filter("m.key=$%d", []byte(b.Key), b.Key != "")
	filter("m.corr=$%d", []byte(b.Correlation), b.Correlation != "")
	limit := b.Limit
	if limit <= 0 {
		limit = 100
	}
	sql := fmt.Sprintf("SELECT %s FROM messages m WHERE %s ORDER BY m.seq LIMIT %d", pgColumns, strings.Join(where, " AND "), limit)
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d, _, err := s.delivery(rows)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		return rows.Err()
	})
	return out, err
}

// pgHistory is historyQueries in PostgreSQL's words.
var pgHistory = map[string]string{
	core.HistoryQueries[0]: "SELECT seq, root, corr, events FROM history WHERE root=$1 ORDER BY seq LIMIT $2",
	core.HistoryQueries[1]: "SELECT seq, root, corr, events FROM history WHERE corr=$1 ORDER BY seq LIMIT $2",
	core.HistoryQueries[2]: "SELECT h.seq, h.root, h.corr, h.events FROM links l JOIN history h USING(seq) WHERE l.root=$1 ORDER BY seq LIMIT $2",
}

// History is all that is known of a root or a correlation, and of what is
// connected with it: at most 10,000 rows, oldest first.
func (s *Store) History(ctx context.Context, id string) (out []hub.HistoryRow, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if id == "last" {
			var root []byte
			err := c.QueryRow(ctx, "SELECT root FROM history WHERE outside ORDER BY seq DESC LIMIT 1").Scan(&root)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			} else if err != nil {
				return err
			}
			id = string(root)
		}
		out, err = core.Trace(ctx, id, func(ctx context.Context, sql, id string, row func(hub.HistoryRow)) error {
			rows, err := c.Query(ctx, pgHistory[sql], []byte(id), core.HistoryRows)
			if err != nil {
				return err
			}
			var seq int64
			var root, corr, events []byte
			_, err = pgx.ForEachRow(rows, []any{&seq, &root, &corr, &events}, func() error {
				r := hub.HistoryRow{Seq: seq, Root: string(root), Correlation: string(corr)}
				var bad error
				if r.Events, bad = core.DecodeEvents(events); bad != nil {
					r.Events = []hub.Event{{What: core.Corrupt, Detail: bad.Error()}}
				}
				row(r)
				return nil
			})
			return err
		})
		return err
	})
	return out, err
}
