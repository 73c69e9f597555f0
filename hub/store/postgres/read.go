package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const sqlRetrying = "SELECT DISTINCT w.key FROM messages w WHERE w.queue=$1 AND " + retrying + " ORDER BY w.key"

// Retrying lists the keys that a failed, waiting message blocks.
func (s *Store) Retrying(ctx context.Context, name string) ([]string, error) {
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.Look.Retrying(ctx, q.ID)
}

// Keys counts the messages of each key in a queue that are not dead.
func (s *Store) Keys(ctx context.Context, name string) (map[string]int, error) {
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.Look.Keys(ctx, q.ID)
}

// manyReady is how many ready messages are searched for a key: behind so many,
// every message of the queue has to wait anyhow.
const manyReady = 256

const sqlBlocked = `SELECT EXISTS(SELECT 1 FROM messages WHERE queue=$1 AND key=$2 AND state=2)
	OR EXISTS(SELECT 1 FROM messages WHERE queue=$1 AND key=$2 AND state=3)
	OR (SELECT coalesce(bool_or(r.key=$2), false) OR count(*)>=$3 FROM (SELECT key FROM messages WHERE queue=$1 AND state=1 ORDER BY seq LIMIT $3) r)`

// Blocked tells whether a message of the key lies in the queue, whichever hub
// put it there: what comes directly must go behind it. It may also say so of any key when the queue is long.
func (s *Store) Blocked(ctx context.Context, queue, key string) (blocked bool, err error) {
	if key == "" {
		return false, s.Usable()
	}
	q, err := s.queue(ctx, queue)
	if err != nil {
		return false, err
	}
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sqlBlocked, q.ID, []byte(key), manyReady).Scan(&blocked)
	})
	return blocked, err
}

const sqlQueues = `WITH n AS (
		SELECT queue, 1 AS state, count(*) AS n, 0::bigint AS due, min(seq) AS seq FROM messages WHERE state=1 GROUP BY queue
		UNION ALL SELECT queue, 2, count(*), min(due), min(seq) FROM messages WHERE state=2 GROUP BY queue
		UNION ALL SELECT queue, 3, count(*), 0, min(seq) FROM messages WHERE state=3 GROUP BY queue
		UNION ALL SELECT queue, 4, count(*), 0, 0 FROM messages WHERE state=4 GROUP BY queue)
	SELECT q.Name, n.state, n.n, n.due, (SELECT head FROM messages m WHERE m.seq=n.seq) FROM n JOIN queues q ON q.ID=n.queue ORDER BY q.Name, n.state`

// Queues tells the depth of every queue that has messages, by name. It counts.
func (s *Store) Queues(ctx context.Context) (out []store.QueueStats, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		return ask(ctx, c, func(r core.Row) {
			name, n := r.Text(0), int(r.Int(2))
			if len(out) == 0 || out[len(out)-1].Queue != name {
				out = append(out, store.QueueStats{Queue: name})
			}
			st := &out[len(out)-1]
			switch hub.State(r.Int(1)) {
			case hub.Ready:
				st.Ready = n
			case hub.Waiting:
				st.Waiting, st.NextDue = n, core.TimeOf(r.Int(3))
			case hub.Held:
				st.Held = n
			case hub.Dead:
				st.Dead = n
				return
			}
			st.Oldest = core.Earlier(st.Oldest, core.HeadTime(r.Bytes(4)))
		}, sqlQueues)
	})
	return out, err
}

const sqlSize = `SELECT coalesce(sum(pg_total_relation_size(r.oid)),0)::bigint FROM pg_class r JOIN pg_namespace n ON n.oid=r.relnamespace
	WHERE n.nspname=$1 AND r.relkind='r'`

// Size is that of the tables with their indexes; the write-ahead log is the server's.
func (s *Store) Size(ctx context.Context) (size store.Size, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sqlSize, s.schema).Scan(&size.Data)
	})
	return size, err
}
