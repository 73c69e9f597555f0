package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	sqlDelete = "DELETE FROM messages WHERE seq=ANY($1)"
	sqlFinish = `UPDATE messages m SET state=u.state, due=u.due, attempts=m.attempts+u.tried,
		error=CASE WHEN u.state IN (2,4) THEN u.error ELSE m.error END, cause=CASE WHEN u.state IN (2,4) THEN u.cause ELSE m.cause END
		FROM unnest($1::bigint[],$2::smallint[],$3::bigint[],$4::int[],$5::text[],$6::text[]) u(seq,state,due,tried,error,cause) WHERE m.seq=u.seq`
	sqlInsert = `INSERT INTO messages(seq,queue,state,key,id,corr,crc,head,body,attempts,due,name,error,cause)
		SELECT u.seq, u.queue, u.state, nullif(u.key,''), u.id, nullif(u.corr,''), u.crc, u.head, u.body, u.attempts, u.due, nullif(u.name,''), u.error, u.cause
		FROM unnest($1::bigint[],$2::bigint[],$3::smallint[],$4::bytea[],$5::bytea[],$6::bytea[],$7::bigint[],$8::bytea[],$9::bytea[],$10::int[],$11::bigint[],$12::bytea[],$13::text[],$14::text[])
		u(seq,queue,state,key,id,corr,crc,head,body,attempts,due,name,error,cause)`
	sqlWrite = `INSERT INTO records(kind,key,version,crc,value,expires)
		SELECT u.kind, u.key, u.version, u.crc, u.value, nullif(u.expires,0) FROM unnest($1::text[],$2::bytea[],$3::bigint[],$4::bigint[],$5::bytea[],$6::bigint[]) u(kind,key,version,crc,value,expires)
		ON CONFLICT(kind,key) DO UPDATE SET version=excluded.version, crc=excluded.crc, value=excluded.value, expires=excluded.expires`
	sqlForget  = "DELETE FROM records r USING unnest($1::text[],$2::bytea[]) u(kind,key) WHERE r.kind=u.kind AND r.key=u.key"
	sqlHistory = `INSERT INTO history(seq,time,root,corr,outside,events)
		SELECT u.seq, $2, u.root, nullif(u.corr,''), u.outside, u.events FROM unnest($1::bigint[],$3::bytea[],$4::bytea[],$5::boolean[],$6::bytea[]) u(seq,root,corr,outside,events)`
	sqlLink = "INSERT INTO links SELECT * FROM unnest($1::bytea[],$2::bigint[])"
	sqlAdds = `INSERT INTO counters SELECT * FROM unnest($1::text[],$2::bytea[],$3::bigint[])
		ON CONFLICT(kind,key) DO UPDATE SET value=counters.value+excluded.value`
)

// tell writes the units that passed, and commits.
func (b *pgBatch) tell(ctx context.Context, c *pgx.Conn) error {
	q := &pgx.Batch{}
	b.tellMessages(q)
	b.tellRecords(q)
	b.tellHistory(q)
	b.tellRefusals(q)
	b.tellAdds(q) // last: other hubs wait for a counter until the commit
	q.Queue("COMMIT")
	return c.SendBatch(ctx, q).Close()
}

// next is a fresh number.
func (b *pgBatch) next() int64 {
	n := b.numbers[0]
	b.numbers = b.numbers[1:]
	return n
}

func (b *pgBatch) tellMessages(q *pgx.Batch) {
	var gone []int64
	var f finishRows
	var p putRows
	for _, j := range b.passed {
		replaced := map[int64]bool{}
		for i := range j.puts {
			if r := &j.puts[i]; r.p.Name != "" {
				if old, there := b.existing[pgName{queue: r.q.id, key: r.p.Name}]; there {
					replaced[old.seq] = true
				}
			}
		}
		if in := j.u.Input; in != nil && j.u.Finish.State == hub.Done {
			replaced[in.Seq] = true
		} else if in != nil && !replaced[in.Seq] {
			f.add(b.s, j)
		}
		gone = append(gone, slices.Collect(maps.Keys(replaced))...)
		for i := range j.puts {
			if r := &j.puts[i]; !r.p.Cancel {
				p.add(b.next(), r)
			}
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		q.Queue(sqlDelete, gone)
	}
	if len(f.seqs) > 0 {
		q.Queue(sqlFinish, f.seqs, f.states, f.dues, f.tried, f.errors, f.causes)
	}
	if len(p.seqs) > 0 {
		q.Queue(sqlInsert, p.seqs, p.queues, p.states, p.keys, p.ids, p.corrs, p.sums, p.heads, p.bodies, p.attempts, p.dues, p.names, p.errors, p.causes)
	}
}

// tellRecords writes records, and takes back those that ask made for units that did not pass.
func (b *pgBatch) tellRecords(q *pgx.Batch) {
	var set, drop []*hub.Write
	var versions []int64
	for _, j := range b.jobs {
		for i := range j.writes {
			w := &j.writes[i]
			creates := w.IfVersion == 0 && w.Value != nil
			switch {
			case j.err != nil && creates && b.created[recordOfWrite(w)]:
				drop = append(drop, w)
			case j.err != nil || creates:
			case w.Value == nil:
				drop = append(drop, w)
			default:
				set, versions = append(set, w), append(versions, b.next())
			}
		}
	}
	if r := columnsOf(set, versions); len(set) > 0 {
		q.Queue(sqlWrite, r.kinds, r.keys, r.versions, r.sums, r.values, r.expires)
	}
	if r := columnsOf(drop, nil); len(drop) > 0 {
		q.Queue(sqlForget, r.kinds, r.keys)
	}
}

func (b *pgBatch) tellHistory(q *pgx.Batch) {
	var seqs, linkSeqs []int64
	var roots, corrs, events, links [][]byte
	var outside []bool
	for _, j := range b.passed {
		if j.events == nil {
			continue
		}
		seq := b.next()
		seqs, roots, corrs = append(seqs, seq), append(roots, []byte(j.u.Root)), append(corrs, []byte(j.u.Correlation))
		outside, events = append(outside, core.CameFromOutside(j.u)), append(events, j.events)
		for _, l := range j.links {
			links, linkSeqs = append(links, []byte(l)), append(linkSeqs, seq)
		}
	}
	if len(seqs) > 0 {
		q.Queue(sqlHistory, seqs, core.Nanos(b.now), roots, corrs, outside, events)
	}
	if len(links) > 0 {
		q.Queue(sqlLink, links, linkSeqs)
	}
}

// tellAdds writes the batch's counters, each once, in one order.
func (b *pgBatch) tellAdds(q *pgx.Batch) {
	sums := map[pgName]int64{}
	for _, j := range b.passed {
		for _, a := range j.u.Adds {
			sums[pgName{kind: a.Kind, key: a.Key}] += a.Delta
		}
	}
	if len(sums) == 0 {
		return
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b pgName) int {
		return strings.Compare(a.kind+"\x00"+a.key, b.kind+"\x00"+b.key)
	})
	var kinds []string
	var keys [][]byte
	var deltas []int64
	for _, n := range names {
		kinds, keys, deltas = append(kinds, n.kind), append(keys, []byte(n.key)), append(deltas, sums[n])
	}
	q.Queue(sqlAdds, kinds, keys, deltas)
}

// apply brings memory up to what was just committed.
func (b *pgBatch) apply() {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	told := false
	for _, j := range b.passed {
		j.err = nil // also of one that gave up before the commit was found to be there
		for i := range j.puts {
			r := &j.puts[i]
			if old, there := b.existing[pgName{queue: r.q.id, key: r.p.Name}]; there && r.p.Name != "" {
				if r.q.claims[old.seq] == nil && old.state != hub.Dead && !j.ends(old.seq) { // else who has the claim hears of it at its commit
					r.q.ends(old.key)
				}
				delete(r.q.claims, old.seq)
				if old.state != hub.Dead && !j.ends(old.seq) {
					r.q.depth--
				}
			}
			if r.state != hub.Done && r.state != hub.Dead {
				r.q.depth++
			}
			if r.q.epoch == 0 && r.state != hub.Done && r.state != hub.Dead {
				s.tell[r.q.id], told = true, true
			}
			s.appears(r.q, r.state, r.p.Due)
		}
		if j.u.Input != nil {
			s.finished(j)
		}
	}
	if told {
		s.nudge()
	}
}

// ends tells whether the message seq is the unit's input, and goes with it.
func (j *pgJob) ends(seq int64) bool {
	return j.u.Input != nil && j.u.Input.Seq == seq && (j.u.Finish.State == hub.Done || j.u.Finish.State == hub.Dead)
}

// appears notes that a message may be claimed, now or when it is due. Under s.mu.
func (s *Store) appears(q *pgQueue, state hub.State, due time.Time) {
	switch state {
	case hub.Ready:
		q.look = true
	case hub.Waiting:
		q.hint(due)
	}
}

// finished settles the claim of a job's input. Under s.mu.
func (s *Store) finished(j *pgJob) {
	q, f := j.in, &j.u.Finish
	if q.claims[j.u.Input.Seq] == j.held {
		delete(q.claims, j.u.Input.Seq)
	}
	j.held = nil
	if f.State == hub.Done || f.State == hub.Dead {
		q.depth--
	}
	s.appears(q, f.State, f.Due)
	if len(q.claims) == 0 && !q.leaving.IsZero() {
		s.nudge()
	}
}
