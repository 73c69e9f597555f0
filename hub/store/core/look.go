package core

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Look reads a store in an SQL database, whichever it is.
//
// Its statements are SQLite's: placeholders are "?", and "INDEXED BY" names the index that a statement is made for,
// since SQLite keeps no statistics here. Another database is told them in its own words by its Query.
type Look struct {
	Clock  hub.Clock
	Places *Places
	// Read lends a connection for a short time. It runs f again when that was lost.
	Read func(ctx context.Context, f func(query Query) error) error
	// Records tells how the records of a kind are read.
	Records func(kind string) *RecordSQL
	// Sparse: messages that are ready stand in no index by which people find them.
	Sparse bool
}

// Query runs a statement and calls row for each row of its answer. Texts among args are string.
type Query func(sql string, args []any, row func(r Row) error) error

// RecordSQL is how the records of one table are read.
type RecordSQL struct{ get, list, kind string }

// RecordsIn is the RecordSQL of a table.
func RecordsIn(table string) *RecordSQL {
	all := "SELECT " + recordColumns + " FROM " + table + " WHERE kind=?"
	return &RecordSQL{get: all + " AND key=? AND " + alive, list: all + " AND " + alive,
		kind: "SELECT min(kind) FROM " + table + " WHERE kind>?"}
}

// alive is the condition of a record that is not over at a time.
const alive = "(expires IS NULL OR expires>?)"

// rows collects what row makes of each row of an answer.
func rows[T any](ctx context.Context, l *Look, sql string, args []any, row func(r Row) (T, error)) (out []T, err error) {
	err = l.Read(ctx, func(query Query) error {
		out = nil
		return query(sql, args, func(r Row) error {
			v, err := row(r)
			if err == nil {
				out = append(out, v)
			}
			return err
		})
	})
	return out, err
}

// Get reads a record.
func (l *Look) Get(ctx context.Context, kind, key string) (hub.Record, error) {
	found, err := rows(ctx, l, l.Records(kind).get, []any{kind, key, Nanos(l.Clock.Now())}, recordOf(kind))
	if err != nil {
		return hub.Record{}, err
	}
	if len(found) == 0 {
		return hub.Record{}, fmt.Errorf("record %s %q: %w", kind, key, hub.ErrNotFound)
	}
	return found[0], nil
}

// List pages through the records of a kind.
func (l *Look) List(ctx context.Context, kind, prefix, after string, limit int) ([]hub.Record, error) {
	if limit <= 0 {
		limit = math.MaxInt32
	}
	where, args := inRange([]any{kind, Nanos(l.Clock.Now())}, prefix, after)
	return rows(ctx, l, l.Records(kind).list+where+" ORDER BY key LIMIT ?", append(args, int64(limit)), recordOf(kind))
}

// Kinds are the kinds of records that begin with the prefix.
func (l *Look) Kinds(ctx context.Context, prefix string) (kinds []string, err error) {
	for after := prefix; ; {
		found, err := rows(ctx, l, l.Records(prefix).kind, []any{after}, func(r Row) (string, error) { return r.Text(0), nil })
		if err != nil || !strings.HasPrefix(found[0], prefix) || found[0] == "" {
			return kinds, err
		}
		after = found[0]
		kinds = append(kinds, after)
	}
}

// Counters reads counters.
func (l *Look) Counters(ctx context.Context, kind, prefix string) (map[string]int64, error) {
	where, args := inRange([]any{kind}, prefix, "")
	return l.numbers(ctx, "SELECT key, value FROM counters WHERE kind=?"+where, args)
}

// numbers is a map of the rows of an answer with two columns. Numbers of one key are added.
func (l *Look) numbers(ctx context.Context, sql string, args []any) (out map[string]int64, err error) {
	err = l.Read(ctx, func(query Query) error {
		out = map[string]int64{}
		return query(sql, args, func(r Row) error {
			out[r.Text(0)] += r.Int(1)
			return nil
		})
	})
	return out, err
}

// inRange is the condition that the key has the prefix and comes after a key, in words that an index serves.
func inRange(args []any, prefix, after string) (string, []any) {
	where := " AND key>=?"
	if args = append(args, prefix); after >= prefix && after != "" {
		where, args[len(args)-1] = " AND key>?", after
	}
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if n := len(end); n > 0 {
		end[n-1]++
		where, args = where+" AND key<?", append(args, string(end))
	}
	return where, args
}

// Retrying lists the keys that a failed, waiting message of the queue blocks.
func (l *Look) Retrying(ctx context.Context, queue int64) ([]string, error) {
	const sql = `SELECT DISTINCT key FROM messages INDEXED BY retrying
		WHERE queue=? AND state=2 AND (error IS NOT NULL OR attempts>0) AND key IS NOT NULL ORDER BY key`
	return rows(ctx, l, sql, []any{queue}, func(r Row) (string, error) { return r.Text(0), nil })
}

// Keys counts the messages of each key in the queue that are not dead.
func (l *Look) Keys(ctx context.Context, queue int64) (map[string]int, error) {
	const (
		from  = "SELECT key, count(*) FROM messages INDEXED BY "
		keyed = " AND key IS NOT NULL GROUP BY key"
		sql   = from + "ready WHERE queue=? AND state=1" + keyed + " UNION ALL " + from + "waiting WHERE queue=? AND state=2" + keyed +
			" UNION ALL " + from + "held WHERE queue=? AND state=3" + keyed
	)
	numbers, err := l.numbers(ctx, sql, []any{queue, queue, queue})
	out := make(map[string]int, len(numbers))
	for key, n := range numbers {
		out[key] = int(n)
	}
	return out, err
}

// Browse pages through stored messages. A damaged one has no body.
func (l *Look) Browse(ctx context.Context, b store.BrowseQuery) ([]*hub.Delivery, error) {
	if b.State == hub.Done && b.Cause != "" {
		b.State = hub.Dead
	}
	var parts []string
	var args []any
	for i, from := range l.sources(&b) {
		part, values := from.where(&b)
		parts, args = append(parts, "SELECT seq FROM ("+part+") s"+strconv.Itoa(i)), append(args, values...)
	}
	sql := "SELECT " + Columns + " FROM messages m WHERE m.seq IN (SELECT seq FROM (" + strings.Join(parts, " UNION ALL ") +
		") a ORDER BY seq LIMIT ?) ORDER BY m.seq"
	return rows(ctx, l, sql, append(args, limitOf(b.Limit)), func(r Row) (*hub.Delivery, error) {
		d, _ := r.Delivery(l.Clock)
		return d, nil
	})
}

// source is a part of the messages, as an index gives them.
type source struct {
	index string    // "": none
	state hub.State // Done: any
	only  string    // a condition more
	args  []any     // of only
}

// sources are those that have all messages of b.
func (l *Look) sources(b *store.BrowseQuery) []source {
	named := namedBy(b)
	switch {
	case named != "" && l.Sparse:
		return sparse(b, named)
	case named != "":
		return []source{{index: named, state: b.State}}
	case b.State != hub.Done:
		return []source{inState(b, b.State)}
	case b.Queue != "": // each by its index: what else lies in the store is not looked at
		return []source{inState(b, hub.Ready), inState(b, hub.Waiting), inState(b, hub.Held), inState(b, hub.Dead)}
	}
	return []source{{}}
}

func inState(b *store.BrowseQuery, state hub.State) source {
	if state == hub.Ready && b.Queue == "" {
		return source{state: state}
	}
	return source{index: state.String(), state: state}
}

// newestReady is how many of the newest numbers are looked through for a message that is ready: those of about 10,000 messages, with what
// was written beside them. It takes some 20 ms.
const newestReady = 50_000

// sparse are the sources where what is ready has no entry in the index. A unit's row of history has the number behind those of the
// messages that it put, which the unit has an event for each, so the row leads to them; what has no history is looked for among the newest.
func sparse(b *store.BrowseQuery, index string) (from []source) {
	if b.State != hub.Ready {
		from = append(from, source{index: index, state: b.State, only: "state<>1"})
	}
	if b.State != hub.Ready && b.State != hub.Done {
		return from
	}
	by, name := "root", (&hub.Message{ID: b.Root + b.ID}).Root()
	if b.Correlation != "" {
		by, name = "corr", b.Correlation
	}
	const (
		behind = `+state=1 AND seq IN (SELECT m.seq FROM history h JOIN messages m ON m.seq<h.seq AND m.seq>h.seq-64-length(h.events)/8 WHERE h.`
		newest = "+state=1 AND seq>(SELECT max(seq) FROM messages)-?"
	)
	return append(from, source{only: behind + by + "=?)", args: []any{name}}, source{only: newest, args: []any{int64(newestReady)}})
}

// where is the statement that finds the messages of b in the source.
func (from *source) where(b *store.BrowseQuery) (sql string, args []any) {
	where, args := []string{"seq>?"}, []any{b.After}
	filter := func(sql, value string) {
		if value != "" {
			where, args = append(where, sql), append(args, value)
		}
	}
	if from.only != "" {
		where, args = append(where, from.only), append(args, from.args...)
	}
	filter("queue=(SELECT id FROM queues WHERE name=?)", b.Queue)
	if from.state != hub.Done {
		where = append(where, fmt.Sprintf("state=%d", from.state)) // a literal: its index is partial
	}
	index := ""
	if from.index != "" {
		index = " INDEXED BY " + from.index
	}
	filter("cause=?", b.Cause)
	filter("id=?", b.ID)
	if b.Root != "" { // a child is root/1: "0" comes behind "/"
		where, args = append(where, "id>=? AND id<? AND (id=? OR id>=?)"), append(args, b.Root, b.Root+"0", b.Root, b.Root+"/")
	}
	filter("key=?", b.Key)
	filter("corr=?", b.Correlation)
	return "SELECT seq FROM messages" + index + " WHERE " + strings.Join(where, " AND ") + " ORDER BY seq LIMIT ?", append(args, limitOf(b.Limit))
}

// namedBy is the index of what b names few messages by; "": nothing.
func namedBy(b *store.BrowseQuery) string {
	switch {
	case b.ID != "" || b.Root != "":
		return "ids"
	case b.Correlation != "":
		return "correlations"
	}
	return ""
}

// limitOf is how many rows a page has.
func limitOf(limit int) int64 {
	if limit <= 0 {
		return 100
	}
	return int64(limit)
}

// DeadGroups groups the dead letters by cause, largest first.
func (l *Look) DeadGroups(ctx context.Context) ([]store.DeadGroup, error) {
	const sql = "SELECT " + Columns + `, g.cause, g.n, g.since, g.till
		FROM (SELECT cause, count(*) AS n, min(due) AS since, max(due) AS till FROM messages INDEXED BY dead WHERE state=4 GROUP BY cause) g
		JOIN messages m ON m.seq=(SELECT o.seq FROM messages AS o INDEXED BY dead
			WHERE o.state=4 AND o.cause=g.cause ORDER BY o.due DESC, o.seq DESC LIMIT 1)`
	groups, err := rows(ctx, l, sql, nil, func(r Row) (store.DeadGroup, error) {
		d, _ := r.Delivery(l.Clock)
		r = r[Width:]
		return store.DeadGroup{Cause: r.Text(0), Count: int(r.Int(1)), First: TimeOf(r.Int(2)), Last: TimeOf(r.Int(3)), Sample: d}, nil
	})
	slices.SortFunc(groups, func(a, b store.DeadGroup) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Cause, b.Cause)) })
	return groups, err
}

// Awaiting groups the messages that wait after a failure.
func (l *Look) Awaiting(ctx context.Context) ([]store.Awaiting, error) {
	const sql = "SELECT " + Columns + `, g.cause, g.n
		FROM (SELECT cause, queue, count(*) AS n FROM messages INDEXED BY awaiting WHERE state=2 AND cause IS NOT NULL GROUP BY cause, queue) g
		JOIN messages m ON m.seq=(SELECT o.seq FROM messages AS o INDEXED BY awaiting
			WHERE o.state=2 AND o.cause=g.cause AND o.queue=g.queue ORDER BY o.due LIMIT 1)`
	groups, err := rows(ctx, l, sql, nil, func(r Row) (store.Awaiting, error) {
		d, _ := r.Delivery(l.Clock)
		r = r[Width:]
		return store.Awaiting{Queue: d.Queue, For: r.Text(0), Count: int(r.Int(1)), Next: d.Due, Sample: d}, nil
	})
	return SortAwaiting(groups), err
}

// SortAwaiting sorts groups by queue and by what they await.
func SortAwaiting(list []store.Awaiting) []store.Awaiting {
	slices.SortFunc(list, func(a, b store.Awaiting) int { return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.For, b.For)) })
	return list
}

// Refusals pages through what was refused, newest first.
func (l *Look) Refusals(ctx context.Context, q store.RefusalQuery) ([]hub.Refusal, error) {
	where, args := "", []any{}
	filter := func(sql string, value any, on bool) {
		if on {
			where, args = where+" AND "+sql, append(args, value)
		}
	}
	filter("id=?", q.ID, q.ID != "")
	filter("corr=?", q.Correlation, q.Correlation != "")
	filter("source=?", q.Source, q.Source != "")
	filter("reason=?", q.Reason, q.Reason != "")
	filter("seq<?", q.Before, q.Before > 0)
	where = strings.Replace(where, " AND", " WHERE", 1)
	sql := "SELECT seq, value FROM refused" + where + " ORDER BY seq DESC LIMIT ?"
	return rows(ctx, l, sql, append(args, limitOf(q.Limit)), func(r Row) (hub.Refusal, error) {
		return decodeRefusal(r.Int(0), r.Bytes(1)), nil
	})
}
