package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const (
	sqlPut = "INSERT INTO messages(seq,queue,state,key,id,corr,crc,head,body) VALUES(?,?,1,?,?,?,?,?,?)"
	sqlAdd = "INSERT INTO messages(seq,queue,key,id,corr,crc,head,body,state,attempts,due,name,error,cause) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	sqlEnd = "DELETE FROM messages WHERE seq=?"
)

// unit writes one unit.
func (b *batch) unit(j *job) error {
	if err := b.admit(j); err != nil {
		return err
	}
	err := b.write(j)
	if err != nil {
		b.s.mu.Lock()
		j.Withdraw(b.grown)
		b.s.mu.Unlock()
	}
	return err
}

// write writes what can conflict first. Memory was asked before the disk; when
// two or more checks are writes themselves, a savepoint takes the first ones back.
func (b *batch) write(j *job) error {
	checks := 0
	if j.Unit.Inbox != "" {
		checks++
	}
	for i := range j.Unit.Writes {
		if j.Unit.Writes[i].IfVersion != hub.AnyVersion {
			checks++
		}
	}
	check := b.checked
	if len(j.Unit.Writes) > 0 && checks > 1 {
		check = b.guarded
	}
	if err := check(j); err != nil {
		return err
	}
	return b.certain(j)
}

// guarded does the checked part inside a savepoint.
func (b *batch) guarded(j *job) error {
	if _, err := b.c.exec("SAVEPOINT u"); err != nil {
		return err
	}
	err := b.checked(j)
	if err != nil {
		if _, e := b.c.exec("ROLLBACK TO u"); e != nil {
			return e
		}
	}
	if _, e := b.c.exec("RELEASE u"); e != nil {
		return e
	}
	return err
}

// admit checks what memory knows: the claim of the input, and the bounds of queues.
func (b *batch) admit(j *job) error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if in := j.Unit.Input; in != nil && b.gone[in.Seq] {
		return core.NotClaimed(in)
	}
	return j.Admit(b.s.o.QueueLimit, (*queue).depth, b.grown)
}

// checked writes what may turn out to conflict.
func (b *batch) checked(j *job) error {
	if err := b.dead(j.Unit.Settles); err != nil { // first, since it writes nothing
		return err
	}
	if j.Unit.Inbox != "" {
		if err := b.inbox(j.Unit.Inbox); err != nil {
			return err
		}
	}
	for i := range j.Unit.Writes {
		if j.Unit.Writes[i].IfVersion != hub.AnyVersion {
			if err := b.record(&j.Unit.Writes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// certain writes what cannot conflict any more.
func (b *batch) certain(j *job) error {
	for i := range j.Unit.Writes {
		if j.Unit.Writes[i].IfVersion == hub.AnyVersion {
			if err := b.record(&j.Unit.Writes[i]); err != nil {
				return err
			}
		}
	}
	if j.Unit.Input != nil {
		if err := b.finish(j); err != nil {
			return err
		}
	}
	if err := b.settle(j.Unit.Settles); err != nil {
		return err
	}
	for i := range j.Puts {
		if err := b.put(&j.Puts[i]); err != nil {
			return err
		}
	}
	for _, a := range j.Unit.Adds {
		b.adds[hub.Add{Kind: a.Kind, Key: a.Key}] += a.Delta
	}
	if err := b.refuse(j); err != nil {
		return err
	}
	if err := b.erase(j.Unit.Erases); err != nil {
		return err
	}
	return b.history(j)
}

// erase deletes rows of history and refusals.
func (b *batch) erase(numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	list, _ := json.Marshal(numbers) // numbers always can
	for table, rows := range core.EraseFrom {
		sql := "DELETE FROM " + table + " WHERE " + strings.ReplaceAll(rows, "numbers", "SELECT value AS n FROM json_each(?1)")
		if _, err := b.c.exec(sql, string(list)); err != nil {
			return err
		}
	}
	return nil
}

// finish settles the input. Its claim was checked, so its row is there.
func (b *batch) finish(j *job) error {
	in, end := j.Unit.Input, &j.End
	e := effect{q: j.In, seq: in.Seq, from: j.Held.D.State, to: end.State, drop: true, key: j.Held.Leaves(end.State)}
	var n int64
	var err error
	switch end.State {
	case hub.Done:
		n, err = b.c.exec(sqlEnd, in.Seq)
	case hub.Waiting, hub.Dead:
		e.due = j.Unit.Finish.Due
		n, err = b.c.exec("UPDATE messages SET state=?, due=?, attempts=coalesce(attempts,0)+?, error=?, cause=? WHERE seq=?",
			int64(end.State), end.Due, end.Tried, end.Error, end.Cause, in.Seq)
	default:
		n, err = b.c.exec("UPDATE messages SET state=?, due=NULL WHERE seq=?", int64(end.State), in.Seq)
		if end.State == hub.Ready {
			d := *j.Held.D
			d.State, d.Due = hub.Ready, time.Time{}
			e.d = &d
		}
	}
	if err == nil && n != 1 {
		err = fmt.Errorf("message %d of queue %q is claimed but not stored", in.Seq, in.Queue)
	}
	if err != nil {
		return err
	}
	b.gone[in.Seq] = true
	b.effects = append(b.effects, e)
	return nil
}

// put adds a message, or replaces or drops a named one.
func (b *batch) put(r *putRow) error {
	p := r.Put
	if err := b.introduce(r.Queue); err != nil {
		return err
	}
	if p.Wake {
		return b.wake(r.Queue, p.Name)
	}
	if p.Name != "" {
		if err := b.drop(r.Queue, p.Name); err != nil {
			return err
		}
	}
	if p.Cancel {
		return nil
	}
	m, seq := p.Msg, b.next()
	var err error
	if r.State == hub.Ready && p.Tries == 0 && p.Name == "" {
		_, err = b.c.exec(sqlPut, seq, r.Queue.ID, core.Optional(m.Key), m.ID, core.Optional(m.Correlation), r.Sum, r.Head, r.Body)
	} else {
		_, err = b.c.exec(sqlAdd, seq, r.Queue.ID, core.Optional(m.Key), m.ID, core.Optional(m.Correlation), r.Sum, r.Head, r.Body,
			int64(r.State), core.Optional(int64(p.Tries)), core.Optional(r.Due), core.Optional(p.Name), r.Error, r.Cause)
	}
	if err != nil {
		return err
	}
	e := effect{q: r.Queue, seq: seq, to: r.State, due: p.Due}
	if r.State == hub.Ready {
		e.size = int64(len(r.Body)+len(r.Head)) + 400
		e.d = &hub.Delivery{Seq: seq, Queue: r.Queue.Name, State: hub.Ready, Attempts: p.Tries, Name: p.Name, Msg: m, Vars: p.Vars}
	}
	b.effects = append(b.effects, e)
	return nil
}

// introduce gives the queue its row in queues. Only the writer looks at stored.
func (b *batch) introduce(q *queue) error {
	if q.stored || slices.Contains(b.named, q) {
		return nil
	}
	b.named = append(b.named, q)
	_, err := b.c.exec("INSERT INTO queues(id,name) VALUES(?,?)", q.ID, q.Name)
	return err
}

// drop deletes the named message. If it is claimed, its claim is void.
func (b *batch) drop(q *queue, name string) error {
	return b.c.query(context.Background(), "DELETE FROM messages WHERE queue=? AND name=? RETURNING seq, state, key", []any{q.ID, name},
		func(r core.Row) error {
			e := effect{q: q, seq: r.Int(0), from: hub.State(r.Int(1)), drop: true}
			if e.from != hub.Dead {
				e.key = r.Text(2)
			}
			b.gone[e.seq] = true
			b.effects = append(b.effects, e)
			return nil
		})
}

// wake makes the named message due, if it waits. Who has claimed it runs it anyway.
func (b *batch) wake(q *queue, name string) error {
	return b.c.query(context.Background(), "UPDATE messages SET due=?3 WHERE queue=?1 AND name=?2 AND state=2 RETURNING seq", []any{q.ID, name, core.Nanos(b.now)},
		func(r core.Row) error {
			b.effects = append(b.effects, effect{q: q, seq: r.Int(0), from: hub.Waiting, to: hub.Waiting, due: b.now})
			return nil
		})
}

// history keeps the history of a unit, and of those that are past.
func (b *batch) history(j *job) error {
	for _, p := range j.Places {
		if _, err := b.c.exec("INSERT OR IGNORE INTO places VALUES(?,?)", p.ID, p.Text); err != nil {
			return err
		}
	}
	for i := range j.History {
		h := &j.History[i]
		seq, outside := b.next(), any(nil)
		if h.Outside {
			outside, b.last = int64(1), h.Root
		}
		if _, err := b.c.exec("INSERT INTO history(seq,time,root,corr,outside,events,until) VALUES(?,?,?,?,?,?,?)",
			seq, h.Time, h.Root, core.Optional(h.Correlation), outside, h.Events, h.Until); err != nil {
			return err
		}
		for _, l := range h.Links {
			if _, err := b.c.exec("INSERT INTO links VALUES(?,?)", l, seq); err != nil {
				return err
			}
		}
		for _, t := range h.Terms {
			if _, err := b.c.exec("INSERT INTO terms VALUES(?,?,?)", core.PartOf(seq), t, seq); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	sqlRefuse     = "INSERT INTO refused(seq,time,id,corr,source,reason,value) VALUES(?,?,?,?,?,?,?)"
	sqlRefusedOld = `DELETE FROM refused WHERE source=?1 AND reason=?2
		AND seq<=(SELECT seq FROM refused WHERE source=?1 AND reason=?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)`
	sqlRefusedAll = "SELECT count(*) FROM refused INDEXED BY refused_kind"
	sqlRefusedTop = "DELETE FROM refused WHERE seq IN (SELECT seq FROM refused ORDER BY seq LIMIT ?)"
)

// refuse keeps a unit's refusals, and deletes the oldest past the bounds.
func (b *batch) refuse(j *job) error {
	list := j.Unit.Refused
	if len(list) == 0 {
		return nil
	}
	kinds := map[[2]string]bool{}
	for i := range list {
		r := &list[i]
		kinds[[2]string{r.Source, r.Reason}] = true
		if _, err := b.c.exec(sqlRefuse, b.next(), core.Nanos(b.now), r.ID, core.Optional(r.Correlation), r.Source, r.Reason, j.Refused[i]); err != nil {
			return err
		}
	}
	for k := range kinds {
		if _, err := b.c.exec(sqlRefusedOld, k[0], k[1], int64(store.MaxRefusalsOfKind)); err != nil {
			return err
		}
	}
	n, err := b.c.number(sqlRefusedAll)
	if err == nil && n > store.MaxRefusals {
		_, err = b.c.exec(sqlRefusedTop, n-store.MaxRefusals)
	}
	return err
}
