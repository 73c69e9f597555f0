package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// batch is one transaction of many units, in two round trips: ask locks and
// reads all that the units depend on, decide finds out which of them pass,
// tell writes those and commits. So a conflict stays with its unit.
type batch struct {
	s      *Store
	now    time.Time
	jobs   []*job // admitted, and not given up
	marked []*job // admitted

	doubt   int64 // the number under which it may be committed; 0: it is not
	backend uint32

	fenced   map[int64]int64     // queue -> epoch of this hub's lease
	present  map[int64]bool      // inputs that are there
	dead     map[int64]bool      // dead letters that are there
	existing map[core.Name]named // messages that are to be replaced or dropped
	created  map[core.Name]bool  // records that ask made
	versions map[core.Name]int64 // records that were there
	numbers  []int64
	passed   []*job
	replayed []int64 // the queue of each dead letter that was replayed
}

type named struct {
	seq   int64
	state hub.State
	key   string
}

// admit takes the jobs in that memory lets pass.
func (s *Store) admit(jobs []*job) *batch {
	b := &batch{s: s, now: s.o.Clock.Now()}
	grown := map[*queue]int{}
	depth := func(q *queue) int { return q.depth }
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		if j.Err = j.Admit(s.o.QueueLimit, depth, grown); j.Err == nil {
			b.jobs = append(b.jobs, j)
			b.marked = append(b.marked, j)
		}
	}
	return b
}

// unmark gives claims back that units had marked, and that were not used up.
func (b *batch) unmark() {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	for _, j := range b.marked {
		j.Unmark()
	}
}

const (
	sqlMark    = "UPDATE writers SET batch=$2 WHERE hub=$1"
	sqlFence   = "SELECT id, epoch FROM queues WHERE id=ANY($1) AND owner=$2 ORDER BY id FOR SHARE"
	sqlNumbers = "SELECT nextval('numbers') FROM generate_series(1,$1::int)"
	sqlCreate  = `INSERT INTO records(kind,key,version,crc,value,expires)
		SELECT u.kind, u.key, nextval('numbers'), u.crc, u.value, nullif(u.expires,0)
		FROM unnest($1::text[],$2::bytea[],$3::bigint[],$4::bytea[],$5::bigint[]) u(kind,key,crc,value,expires)
		ON CONFLICT(kind,key) DO UPDATE SET version=excluded.version, crc=excluded.crc, value=excluded.value, expires=excluded.expires
		WHERE records.expires<=$6 RETURNING kind, key`
	sqlVersions = `SELECT r.kind, r.key, CASE WHEN r.expires<=$3 THEN 0 ELSE r.version END
		FROM records r JOIN unnest($1::text[],$2::bytea[]) u(kind,key) USING(kind,key)
		ORDER BY r.kind, r.key FOR UPDATE OF r`
	sqlPresent  = "SELECT seq FROM messages WHERE seq=ANY($1) ORDER BY seq FOR UPDATE"
	sqlExisting = `SELECT m.seq, m.queue, m.name, m.state, m.key FROM messages m JOIN unnest($1::bigint[],$2::bytea[]) u(queue,name) USING(queue,name)
		ORDER BY m.seq FOR UPDATE OF m`
)

// ask begins the transaction. Everything is locked in one order, so that hubs
// do not block each other: queues, records that are made, records, messages.
func (b *batch) ask(ctx context.Context, c *pgx.Conn, number int64) error {
	b.fenced, b.present, b.dead, b.existing = map[int64]int64{}, map[int64]bool{}, map[int64]bool{}, map[core.Name]named{}
	b.created, b.versions, b.numbers, b.replayed = map[core.Name]bool{}, map[core.Name]int64{}, nil, nil
	q := &pgx.Batch{}
	q.Queue("BEGIN")
	q.Queue(sqlMark, b.s.id, number).Exec(func(t pgconn.CommandTag) error {
		if t.RowsAffected() == 0 {
			return errNotEntered
		}
		return nil
	})
	b.askInputs(q)
	b.askRecords(q)
	b.askDead(q)
	b.askNames(q)
	n := 0
	for _, j := range b.jobs {
		n += len(j.Puts) + len(j.Writes) + len(j.Refused) + len(j.History)
	}
	if n > 0 {
		q.Queue(sqlNumbers, n).Query(reads(func(r core.Row) { b.numbers = append(b.numbers, r.Int(0)) }))
	}
	return c.SendBatch(ctx, q).Close()
}

func (b *batch) askInputs(q *pgx.Batch) {
	var queues, seqs []int64
	for _, j := range b.jobs {
		if j.Unit.Input != nil {
			queues, seqs = append(queues, j.In.ID), append(seqs, j.Unit.Input.Seq)
		}
	}
	if len(seqs) == 0 {
		return
	}
	slices.Sort(queues)
	q.Queue(sqlFence, slices.Compact(queues), b.s.id).Query(reads(func(r core.Row) { b.fenced[r.Int(0)] = r.Int(1) }))
	q.Queue(sqlPresent, seqs).Query(reads(func(r core.Row) { b.present[r.Int(0)] = true }))
}

func (b *batch) askRecords(q *pgx.Batch) {
	var create, other []*hub.Write
	for _, j := range b.jobs {
		for i := range j.Writes {
			if w := &j.Writes[i]; w.IfVersion == 0 && w.Value != nil {
				create = append(create, w)
			} else {
				other = append(other, w)
			}
		}
	}
	byName := func(a, b *hub.Write) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	}
	slices.SortFunc(create, byName)
	slices.SortFunc(other, byName)
	var made, read columns
	for _, w := range create {
		made.add(w.Kind, []byte(w.Key), core.RecordSum(w.Kind, w.Key, w.Value), w.Value, core.Nanos(w.Expires))
	}
	for _, w := range other {
		read.add(w.Kind, []byte(w.Key))
	}
	nameOf := func(r core.Row) core.Name { return core.Name{Kind: r.Text(0), Key: r.Text(1)} }
	made.queue(q, sqlCreate, core.Nanos(b.now)).Query(reads(func(r core.Row) { b.created[nameOf(r)] = true }))
	read.queue(q, sqlVersions, core.Nanos(b.now)).Query(reads(func(r core.Row) { b.versions[nameOf(r)] = r.Int(2) }))
}

func (b *batch) askNames(q *pgx.Batch) {
	var names columns
	for _, j := range b.jobs {
		for i := range j.Puts {
			if r := &j.Puts[i]; r.Put.Name != "" {
				names.add(r.Queue.ID, []byte(r.Put.Name))
			}
		}
	}
	names.queue(q, sqlExisting).Query(reads(func(r core.Row) {
		b.existing[core.Name{Queue: r.Int(1), Key: r.Text(2)}] = named{r.Int(0), hub.State(r.Int(3)), r.Text(4)}
	}))
}

// decide finds out which units pass.
func (b *batch) decide() {
	b.passed = b.passed[:0]
	for _, j := range b.jobs {
		if j.Err = b.check(j); j.Err == nil {
			b.passed = append(b.passed, j)
		}
	}
}

func (b *batch) check(j *job) error {
	if in := j.Unit.Input; in != nil && (b.fenced[j.In.ID] != j.Held.Lease || !b.present[in.Seq]) {
		return core.NotClaimed(in)
	}
	for _, l := range j.Unit.Settles {
		if !b.dead[l.Seq] {
			return core.NotDead(l)
		}
	}
	for i := range j.Writes {
		w := &j.Writes[i]
		name := recordName(w)
		switch {
		case w.IfVersion == hub.AnyVersion:
		case w.IfVersion == 0 && w.Value != nil:
			if !b.created[name] && w.Kind == core.InboxKind && w.Key == j.Unit.Inbox && i == 0 {
				return hub.ErrDuplicate
			} else if !b.created[name] {
				return fmt.Errorf("record %s %q: %w", w.Kind, w.Key, hub.ErrConflict)
			}
		case b.versions[name] != w.IfVersion:
			return fmt.Errorf("record %s %q: %w", w.Kind, w.Key, hub.ErrConflict)
		}
	}
	return nil
}
