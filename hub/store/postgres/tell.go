package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const (
	sqlDelete = "DELETE FROM messages WHERE seq=ANY($1)"
	sqlFinish = `UPDATE messages m SET state=u.state, due=u.due, attempts=m.attempts+u.tried,
		error=CASE WHEN u.state IN (2,4) THEN u.error ELSE m.error END, cause=CASE WHEN u.state IN (2,4) THEN u.cause ELSE m.cause END
		FROM unnest($1::bigint[],$2::smallint[],$3::bigint[],$4::int[],$5::text[],$6::text[]) u(seq,state,due,tried,error,cause) WHERE m.seq=u.seq`
	sqlInsert = `INSERT INTO messages(seq,queue,state,key,id,corr,crc,head,body,attempts,due,name,error,cause)
		SELECT u.seq, u.queue, u.state, nullif(u.key,''), u.id, nullif(u.corr,''), u.crc, u.head, u.body, u.attempts, u.due,
			nullif(u.name,''), u.error, u.cause
		FROM unnest($1::bigint[],$2::bigint[],$3::smallint[],$4::bytea[],$5::bytea[],$6::bytea[],$7::bigint[],
			$8::bytea[],$9::bytea[],$10::int[],$11::bigint[],$12::bytea[],$13::text[],$14::text[])
		u(seq,queue,state,key,id,corr,crc,head,body,attempts,due,name,error,cause)`
	sqlWrite = `INSERT INTO records(kind,key,version,crc,value,expires)
		SELECT u.kind, u.key, u.version, u.crc, u.value, nullif(u.expires,0)
		FROM unnest($1::text[],$2::bytea[],$3::bigint[],$4::bigint[],$5::bytea[],$6::bigint[]) u(kind,key,version,crc,value,expires)
		ON CONFLICT(kind,key) DO UPDATE SET version=excluded.version, crc=excluded.crc, value=excluded.value, expires=excluded.expires`
	sqlForget  = "DELETE FROM records r USING unnest($1::text[],$2::bytea[]) u(kind,key) WHERE r.kind=u.kind AND r.key=u.key"
	sqlHistory = `INSERT INTO history(seq,time,root,corr,outside,events)
		SELECT u.seq, $2, u.root, nullif(u.corr,''), u.outside, u.events
		FROM unnest($1::bigint[],$3::bytea[],$4::bytea[],$5::boolean[],$6::bytea[]) u(seq,root,corr,outside,events)`
	sqlLink = "INSERT INTO links SELECT * FROM unnest($1::bytea[],$2::bigint[])"
	sqlAdds = `INSERT INTO counters SELECT * FROM unnest($1::text[],$2::bytea[],$3::bigint[])
		ON CONFLICT(kind,key) DO UPDATE SET value=counters.value+excluded.value`
)

// tell writes the units that passed, and commits.
func (b *batch) tell(ctx context.Context, c *pgx.Conn) error {
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
func (b *batch) next() int64 {
	n := b.numbers[0]
	b.numbers = b.numbers[1:]
	return n
}

// replaced is the message that a named put replaces or drops.
func (b *batch) replaced(r *putRow) (old named, there bool) {
	if r.Put.Name == "" {
		return named{}, false
	}
	old, there = b.existing[core.Name{Queue: r.Queue.ID, Key: r.Put.Name}]
	return old, there
}

func (b *batch) tellMessages(q *pgx.Batch) {
	var gone []int64
	var f finishRows
	var p putRows
	for _, j := range b.passed {
		replaced := map[int64]bool{}
		for i := range j.Puts {
			r := &j.Puts[i]
			if old, there := b.replaced(r); there {
				replaced[old.seq] = true
			}
			if !r.Put.Cancel {
				p.add(b.next(), r)
			}
		}
		if in := j.Unit.Input; in != nil && j.End.State == hub.Done {
			replaced[in.Seq] = true
		} else if in != nil && !replaced[in.Seq] {
			f.add(j)
		}
		gone = slices.AppendSeq(gone, maps.Keys(replaced))
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
func (b *batch) tellRecords(q *pgx.Batch) {
	var set, drop []*hub.Write
	var versions []int64
	for _, j := range b.jobs {
		for i := range j.Writes {
			w := &j.Writes[i]
			creates := w.IfVersion == 0 && w.Value != nil
			switch {
			case j.Err != nil && creates && b.created[recordName(w)]:
				drop = append(drop, w)
			case j.Err != nil || creates:
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

func (b *batch) tellHistory(q *pgx.Batch) {
	var seqs, linkSeqs []int64
	var roots, corrs, events, links [][]byte
	var outside []bool
	for _, j := range b.passed {
		if j.Events == nil {
			continue
		}
		seq := b.next()
		seqs, roots, corrs = append(seqs, seq), append(roots, []byte(j.Unit.Root)), append(corrs, []byte(j.Unit.Correlation))
		outside, events = append(outside, j.Outside), append(events, j.Events)
		for _, l := range j.Links {
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

const (
	sqlRefuse = `INSERT INTO refused(seq,time,id,corr,source,reason,value)
		SELECT u.seq, $1, u.id, nullif(u.corr,''), u.source, u.reason, u.value
		FROM unnest($2::bigint[],$3::bytea[],$4::bytea[],$5::bytea[],$6::bytea[],$7::bytea[]) u(seq,id,corr,source,reason,value)`
	sqlRefusedOld = `DELETE FROM refused r USING unnest($1::bytea[],$2::bytea[]) k(source,reason) WHERE r.source=k.source AND r.reason=k.reason
		AND r.seq<=(SELECT seq FROM refused o WHERE o.source=k.source AND o.reason=k.reason ORDER BY seq DESC LIMIT 1 OFFSET $3)`
	sqlRefusedTop = "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY seq LIMIT greatest(0, (SELECT count(*) FROM refused)-$1))"
)

// tellRefusals keeps the batch's refusals, and deletes the oldest past the bounds.
func (b *batch) tellRefusals(q *pgx.Batch) {
	var seqs []int64
	var ids, corrs, sources, reasons, values, kindSources, kindReasons [][]byte
	kinds := map[[2]string]bool{}
	for _, j := range b.passed {
		for i := range j.Unit.Refused {
			r := &j.Unit.Refused[i]
			seqs, ids, corrs = append(seqs, b.next()), append(ids, []byte(r.ID)), append(corrs, []byte(r.Correlation))
			sources, reasons, values = append(sources, []byte(r.Source)), append(reasons, []byte(r.Reason)), append(values, j.Refused[i])
			if k := [2]string{r.Source, r.Reason}; !kinds[k] {
				kinds[k] = true
				kindSources, kindReasons = append(kindSources, []byte(k[0])), append(kindReasons, []byte(k[1]))
			}
		}
	}
	if len(seqs) > 0 {
		q.Queue(sqlRefuse, core.Nanos(b.now), seqs, ids, corrs, sources, reasons, values)
		q.Queue(sqlRefusedOld, kindSources, kindReasons, store.MaxRefusalsOfKind)
		q.Queue(sqlRefusedTop, store.MaxRefusals)
	}
}

// tellAdds writes the batch's counters, each once, in one order.
func (b *batch) tellAdds(q *pgx.Batch) {
	sums := map[core.Name]int64{}
	for _, j := range b.passed {
		for _, a := range j.Unit.Adds {
			sums[core.Name{Kind: a.Kind, Key: a.Key}] += a.Delta
		}
	}
	if len(sums) == 0 {
		return
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b core.Name) int {
		return strings.Compare(a.Kind+"\x00"+a.Key, b.Kind+"\x00"+b.Key)
	})
	var kinds []string
	var keys [][]byte
	var deltas []int64
	for _, n := range names {
		kinds, keys, deltas = append(kinds, n.Kind), append(keys, []byte(n.Key)), append(deltas, sums[n])
	}
	q.Queue(sqlAdds, kinds, keys, deltas)
}

// apply brings memory up to what was just committed.
func (b *batch) apply() {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range b.passed {
		j.Err = nil // also of one that gave up before the commit was found to be there
		for i := range j.Puts {
			b.arrives(j, &j.Puts[i])
		}
		if j.Unit.Input != nil {
			s.finished(j)
		}
	}
}

// arrives notes a put of a unit. Under s.mu.
func (b *batch) arrives(j *job, r *putRow) {
	s, q := b.s, r.Queue
	if old, there := b.replaced(r); there {
		if old.state != hub.Dead && !ends(j, old.seq) {
			if q.Claims[old.seq] == nil { // else who has the claim hears of it at its commit
				q.ends(old.key)
			}
			q.depth--
		}
		delete(q.Claims, old.seq)
	}
	if r.Grows() {
		q.depth++
		if q.epoch == 0 {
			s.tell[q.ID] = true
			s.nudge()
		}
	}
	s.appears(q, r.State, r.Put.Due)
}

// ends tells whether the message seq is the unit's input, and goes with it.
func ends(j *job, seq int64) bool {
	return j.Unit.Input != nil && j.Unit.Input.Seq == seq && (j.End.State == hub.Done || j.End.State == hub.Dead)
}

// appears notes that a message may be claimed, now or when it is due. Under s.mu.
func (s *Store) appears(q *queue, state hub.State, due time.Time) {
	switch state {
	case hub.Ready:
		q.look = true
	case hub.Waiting:
		q.hint(due)
	}
}

// finished settles the claim of a job's input. Under s.mu.
func (s *Store) finished(j *job) {
	q, f := j.In, &j.Unit.Finish
	if q.Claims[j.Unit.Input.Seq] == j.Held {
		delete(q.Claims, j.Unit.Input.Seq)
	}
	j.Held = nil
	if f.State == hub.Done || f.State == hub.Dead {
		q.depth--
	}
	s.appears(q, f.State, f.Due)
	if len(q.Claims) == 0 && !q.leaving.IsZero() {
		s.nudge()
	}
}
