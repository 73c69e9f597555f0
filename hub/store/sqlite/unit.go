package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	sqlPut = "INSERT INTO messages(seq,queue,state,key,id,corr,crc,head,body) VALUES(?,?,1,?,?,?,?,?,?)"
	sqlAdd = "INSERT INTO messages(seq,queue,key,id,corr,crc,head,body,state,attempts,due,name,error,cause) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	sqlEnd = "DELETE FROM messages WHERE seq=?"
)

// unit writes one unit. What can conflict comes first: memory is asked before
// the disk, and when two or more checks are writes themselves, a savepoint
// takes the first ones back.
func (b *batch) unit(j *job) error {
	if err := b.admit(j); err != nil {
		return err
	}
	checks := 0
	if j.u.Inbox != "" {
		checks++
	}
	for i := range j.u.Writes {
		if j.u.Writes[i].IfVersion != hub.AnyVersion {
			checks++
		}
	}
	if len(j.u.Writes) > 0 && checks > 1 {
		return b.guarded(j)
	}
	if err := b.checked(j); err != nil {
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
	if err != nil {
		return err
	}
	return b.certain(j)
}

// admit checks what memory knows: the claim of the input, and the bounds of queues.
func (b *batch) admit(j *job) error {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := j.u.Input; in != nil {
		j.in = s.queueOf(in.Queue)
		c := j.in.claims[in.Seq]
		if c == nil || c.epoch != in.Epoch || c.busy || b.gone[in.Seq] {
			return fmt.Errorf("message %d of queue %q is not claimed any more: %w", in.Seq, in.Queue, hub.ErrLost)
		}
		c.busy, j.held = true, c
	}
	for i := range j.puts {
		q := j.puts[i].q
		have := q.depth() + b.grown[q]
		if have+len(j.puts) > s.o.QueueLimit && have+added(j.puts, q) > s.o.QueueLimit {
			return fmt.Errorf("queue %q holds %d messages: %w", q.name, have, hub.ErrFull)
		}
	}
	return nil
}

// added counts the messages of a unit that make the queue longer.
func added(puts []putRow, q *queue) (n int) {
	for i := range puts {
		if r := &puts[i]; r.q == q && r.state != hub.Done && r.state != hub.Dead {
			n++
		}
	}
	return n
}

func (q *queue) depth() int { return q.counts[hub.Ready] + q.counts[hub.Waiting] + q.counts[hub.Held] }

// checked writes what may turn out to conflict.
func (b *batch) checked(j *job) error {
	if j.u.Inbox != "" {
		if err := b.inbox(j.u.Inbox); err != nil {
			return err
		}
	}
	for i := range j.u.Writes {
		if j.u.Writes[i].IfVersion != hub.AnyVersion {
			if err := b.record(&j.u.Writes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// certain writes what cannot conflict any more.
func (b *batch) certain(j *job) error {
	for i := range j.u.Writes {
		if j.u.Writes[i].IfVersion == hub.AnyVersion {
			if err := b.record(&j.u.Writes[i]); err != nil {
				return err
			}
		}
	}
	if j.u.Input != nil {
		if err := b.finish(j); err != nil {
			return err
		}
	}
	for i := range j.puts {
		if err := b.put(&j.puts[i]); err != nil {
			return err
		}
	}
	for _, a := range j.u.Adds {
		b.adds[hub.Add{Kind: a.Kind, Key: a.Key}] += a.Delta
	}
	if err := b.refuse(j); err != nil {
		return err
	}
	return b.history(j)
}

// finish settles the input. Its claim was checked, so its row is there.
func (b *batch) finish(j *job) error {
	in, f := j.u.Input, &j.u.Finish
	e := effect{q: j.in, seq: in.Seq, from: j.held.d.State, to: f.State, drop: true}
	tried := int64(0)
	if f.Tried {
		tried = 1
	}
	var n int64
	var err error
	switch f.State {
	case hub.Done:
		n, err = b.c.exec(sqlEnd, in.Seq)
	case hub.Waiting:
		e.due = f.Due
		n, err = b.c.exec("UPDATE messages SET state=2, due=?, attempts=coalesce(attempts,0)+?, error=?, cause=? WHERE seq=?",
			core.Nanos(f.Due), tried, j.failure, core.Awaited(f.Await, j.cause), in.Seq)
	case hub.Dead:
		n, err = b.c.exec("UPDATE messages SET state=4, due=?, attempts=coalesce(attempts,0)+?, error=?, cause=? WHERE seq=?",
			core.Nanos(core.DeadSince(f.Error, b.s.o.Clock.Now())), tried, j.failure, core.CauseOf(j.cause), in.Seq)
	default:
		n, err = b.c.exec("UPDATE messages SET state=?, due=NULL WHERE seq=?", int64(f.State), in.Seq)
		if f.State == hub.Ready {
			d := *j.held.d
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
	if err := b.introduce(r.q); err != nil {
		return err
	}
	if r.p.Name != "" {
		if err := b.drop(r.q, r.p.Name); err != nil {
			return err
		}
	}
	if r.p.Cancel {
		return nil
	}
	m, seq := r.p.Msg, b.next()
	var err error
	if r.state == hub.Ready && r.p.Tries == 0 && r.p.Name == "" {
		_, err = b.c.exec(sqlPut, seq, r.q.id, core.Optional(m.Key), m.ID, core.Optional(m.Correlation), r.crc, r.head, r.body)
	} else {
		cause := r.cause
		switch r.state {
		case hub.Dead:
			cause = core.CauseOf(cause)
		case hub.Waiting:
			cause = core.Awaited(r.p.Await, cause)
		}
		_, err = b.c.exec(sqlAdd, seq, r.q.id, core.Optional(m.Key), m.ID, core.Optional(m.Correlation), r.crc, r.head, r.body,
			int64(r.state), core.OptionalInt(int64(r.p.Tries)), core.OptionalInt(r.due), core.Optional(r.p.Name), r.failure, cause)
	}
	if err != nil {
		return err
	}
	e := effect{q: r.q, seq: seq, to: r.state, due: r.p.Due}
	if r.state == hub.Ready {
		e.size = int64(len(r.body)+len(r.head)) + 400
		e.d = &hub.Delivery{Seq: seq, Queue: r.q.name, State: hub.Ready, Attempts: r.p.Tries, Name: r.p.Name, Msg: m, Vars: r.p.Vars}
	}
	if r.state != hub.Dead {
		b.grown[r.q]++
	}
	b.effects = append(b.effects, e)
	return nil
}

// introduce gives the queue its row in queues. Only the writer looks at stored.
func (b *batch) introduce(q *queue) error {
	if q.stored {
		return nil
	}
	for _, n := range b.named {
		if n == q {
			return nil
		}
	}
	b.named = append(b.named, q)
	_, err := b.c.exec("INSERT INTO queues(id,name) VALUES(?,?)", q.id, q.name)
	return err
}

// drop deletes the named message. If it is claimed, its claim is void.
func (b *batch) drop(q *queue, name string) error {
	return b.c.query(context.Background(), "DELETE FROM messages WHERE queue=? AND name=? RETURNING seq, state, key", []any{q.id, name},
		func(v []driver.Value) error {
			seq, state := v[0].(int64), hub.State(v[1].(int64))
			e := effect{q: q, seq: seq, from: state, drop: true}
			if key, _ := v[2].(string); state != hub.Dead {
				e.key = key
			}
			b.gone[seq] = true
			b.effects = append(b.effects, e)
			return nil
		})
}
