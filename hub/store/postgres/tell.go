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
	sqlWake   = "UPDATE messages SET due=$2 WHERE seq=ANY($1) AND state=2"
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
	sqlHistory = `INSERT INTO history(seq,time,root,corr,outside,events,until)
		SELECT u.seq, u.time, u.root, nullif(u.corr,''), u.outside, u.events, u.until
		FROM unnest($1::bigint[],$2::bigint[],$3::bytea[],$4::bytea[],$5::boolean[],$6::bytea[],$7::bigint[]) u(seq,time,root,corr,outside,events,until)`
	sqlPlaces = "INSERT INTO places SELECT DISTINCT * FROM unnest($1::bigint[],$2::bytea[]) u(id,text) ORDER BY id ON CONFLICT DO NOTHING"
	sqlTerms  = "INSERT INTO terms SELECT * FROM unnest($1::bigint[],$2::bigint[],$3::bigint[])"
	sqlLink   = "INSERT INTO links SELECT * FROM unnest($1::bytea[],$2::bigint[])"
	sqlAdds   = `INSERT INTO counters SELECT * FROM unnest($1::text[],$2::bytea[],$3::bigint[])
		ON CONFLICT(kind,key) DO UPDATE SET value=counters.value+excluded.value`
)

// tell writes the units that passed, and commits.
func (b *batch) tell(ctx context.Context, c *pgx.Conn) error {
	q := &pgx.Batch{}
	b.tellDead(q)
	b.tellMessages(q)
	b.tellWakes(q)
	b.tellRecords(q)
	b.tellHistory(q)
	b.tellRefusals(q)
	b.tellErased(q)
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
	if r.Put.Name == "" || r.Put.Wake {
		return named{}, false
	}
	old, there = b.existing[core.Name{Queue: r.Queue.ID, Key: r.Put.Name}]
	return old, there
}

// tellWakes makes those due that were there before the unit. One that it puts itself is due by what memory made of both (core.Job).
func (b *batch) tellWakes(q *pgx.Batch) {
	var woken []int64
	for _, j := range b.passed {
		for i := range j.Puts {
			r := &j.Puts[i]
			if old, there := b.existing[core.Name{Queue: r.Queue.ID, Key: r.Put.Name}]; there && r.Put.Wake {
				woken = append(woken, old.seq)
			}
		}
	}
	if len(woken) > 0 {
		q.Queue(sqlWake, woken, core.Nanos(b.now))
	}
}

func (b *batch) tellMessages(q *pgx.Batch) {
	var gone []int64
	var finished, put columns
	for _, j := range b.passed {
		replaced := map[int64]bool{}
		for i := range j.Puts {
			r := &j.Puts[i]
			if old, there := b.replaced(r); there {
				replaced[old.seq] = true
			}
			if r.Put.Adds() {
				m, body := r.Put.Msg, r.Body
				if body == nil {
					body = []byte{}
				}
				put.add(b.next(), r.Queue.ID, int64(r.State), []byte(m.Key), []byte(m.ID), []byte(m.Correlation), r.Sum, r.Head, body,
					int64(r.Put.Tries), r.Due, []byte(r.Put.Name), r.Error, r.Cause)
			}
		}
		if in := j.Unit.Input; in != nil && j.End.State == hub.Done {
			replaced[in.Seq] = true
		} else if in != nil && !replaced[in.Seq] {
			finished.add(in.Seq, int64(j.End.State), j.End.Due, j.End.Tried, j.End.Error, j.End.Cause)
		}
		gone = slices.AppendSeq(gone, maps.Keys(replaced))
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		q.Queue(sqlDelete, gone)
	}
	finished.queue(q, sqlFinish)
	put.queue(q, sqlInsert)
}

// tellRecords writes records, and takes back those that ask made for units that did not pass.
func (b *batch) tellRecords(q *pgx.Batch) {
	var set, drop columns
	for _, j := range b.jobs {
		for i := range j.Writes {
			w := &j.Writes[i]
			creates := w.IfVersion == 0 && w.Value != nil
			switch {
			case j.Err != nil && creates && b.created[recordName(w)], j.Err == nil && w.Value == nil:
				drop.add(w.Kind, []byte(w.Key))
			case j.Err == nil && !creates:
				set.add(w.Kind, []byte(w.Key), b.next(), core.RecordSum(w.Kind, w.Key, w.Value), w.Value, core.Nanos(w.Expires))
			}
		}
	}
	set.queue(q, sqlWrite)
	drop.queue(q, sqlForget)
}

func (b *batch) tellHistory(q *pgx.Batch) {
	var history, links, terms, places columns
	for _, j := range b.passed {
		for _, p := range j.Places {
			places.add(p.ID, []byte(p.Text))
		}
		for i := range j.History {
			h, seq := &j.History[i], b.next()
			history.add(seq, h.Time, []byte(h.Root), []byte(h.Correlation), h.Outside, h.Events, h.Until)
			for _, l := range h.Links {
				links.add([]byte(l), seq)
			}
			for _, t := range h.Terms {
				terms.add(core.PartOf(seq), t, seq)
			}
		}
	}
	places.queue(q, sqlPlaces)
	history.queue(q, sqlHistory)
	links.queue(q, sqlLink)
	terms.queue(q, sqlTerms)
}

const (
	sqlRefuse = `INSERT INTO refused(seq,time,id,corr,source,reason,value)
		SELECT u.seq, $7, u.id, nullif(u.corr,''), u.source, u.reason, u.value
		FROM unnest($1::bigint[],$2::bytea[],$3::bytea[],$4::bytea[],$5::bytea[],$6::bytea[]) u(seq,id,corr,source,reason,value)`
	sqlRefusedOld = `DELETE FROM refused r USING unnest($1::bytea[],$2::bytea[]) k(source,reason) WHERE r.source=k.source AND r.reason=k.reason
		AND r.seq<=(SELECT seq FROM refused o WHERE o.source=k.source AND o.reason=k.reason ORDER BY seq DESC LIMIT 1 OFFSET $3)`
	sqlRefusedTop = "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY seq LIMIT greatest(0, (SELECT count(*) FROM refused)-$1))"
)

// tellRefusals keeps the batch's refusals, and deletes the oldest past the bounds.
func (b *batch) tellRefusals(q *pgx.Batch) {
	var refused, kinds columns
	seen := map[[2]string]bool{}
	for _, j := range b.passed {
		for i := range j.Unit.Refused {
			r := &j.Unit.Refused[i]
			refused.add(b.next(), []byte(r.ID), []byte(r.Correlation), []byte(r.Source), []byte(r.Reason), j.Refused[i])
			if k := [2]string{r.Source, r.Reason}; !seen[k] {
				seen[k] = true
				kinds.add([]byte(r.Source), []byte(r.Reason))
			}
		}
	}
	if refused != nil {
		refused.queue(q, sqlRefuse, core.Nanos(b.now))
		kinds.queue(q, sqlRefusedOld, store.MaxRefusalsOfKind)
		q.Queue(sqlRefusedTop, store.MaxRefusals)
	}
}

// tellErased deletes rows of history and refusals.
func (b *batch) tellErased(q *pgx.Batch) {
	var numbers []int64
	for _, j := range b.passed {
		numbers = append(numbers, j.Unit.Erases...)
	}
	for table, rows := range core.EraseFrom {
		if len(numbers) > 0 {
			q.Queue("DELETE FROM "+table+" WHERE "+strings.ReplaceAll(rows, "numbers", "SELECT unnest($1::bigint[]) AS n"), numbers)
		}
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
	names := slices.SortedFunc(maps.Keys(sums), func(a, b core.Name) int {
		return strings.Compare(a.Kind+"\x00"+a.Key, b.Kind+"\x00"+b.Key)
	})
	var adds columns
	for _, n := range names {
		adds.add(n.Kind, []byte(n.Key), sums[n])
	}
	adds.queue(q, sqlAdds)
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
	if r.Put.Wake {
		s.appears(q, hub.Waiting, b.now)
	}
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
	}
	if q.epoch == 0 && (r.Grows() || r.Put.Wake) {
		s.tell[q.ID] = true
		s.kick.Give()
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
	q.ends(j.Held.Leaves(f.State))
	if j.Held.D.State != hub.Dead && (f.State == hub.Done || f.State == hub.Dead) {
		q.depth--
	}
	j.Held = nil
	s.appears(q, f.State, f.Due)
	if len(q.Claims) == 0 && !q.leaving.IsZero() {
		s.kick.Give()
	}
}
