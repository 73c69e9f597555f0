package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// pgJob is a unit on its way to the writer, encoded by the goroutine that commits it.
type pgJob struct {
	u       *hub.Unit
	puts    []pgPut
	writes  []hub.Write // at most one per record; the inbox key is the first
	failure any         // of u.Finish
	cause   any
	events  []byte
	links   []string
	refused [][]byte // the rows of u.Refused
	in      *pgQueue // of u.Input
	size    int
	names   []pgName // what no two units of one batch may touch
	begun   time.Time

	held *pgClaim // that it marked as busy
	err  error
	done chan struct{} // takes one signal when the job is settled
}

// pgPut is a message encoded for its table.
type pgPut struct {
	p              *hub.Put
	q              *pgQueue
	state          hub.State
	head, body     []byte
	crc            int64
	failure, cause any
	due            int64
}

// pgName names a record, or a message by queue and name.
type pgName struct {
	queue     int64 // 0: a record
	kind, key string
}

func recordOfWrite(w *hub.Write) pgName { return pgName{kind: w.Kind, key: w.Key} }

// Commit makes u durable, or nothing of it. ctx ends the waiting for a place
// in the writer's queue, never the write.
func (s *Store) Commit(ctx context.Context, u *hub.Unit) error {
	if err := s.ok(); err != nil {
		return err
	}
	j, err := s.encode(ctx, u)
	if err != nil {
		return err
	}
	if err := s.enqueue(ctx, j); err != nil {
		return err
	}
	<-j.done
	return j.err
}

func (s *Store) enqueue(ctx context.Context, j *pgJob) error {
	s.senders.RLock()
	defer s.senders.RUnlock()
	if err := s.Err(); err != nil {
		return err
	}
	if s.closing {
		return hub.ErrClosed
	}
	select {
	case s.jobs <- j:
		return nil
	default:
	}
	select {
	case s.jobs <- j: // the writer settles what it has in bounded time
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) encode(ctx context.Context, u *hub.Unit) (j *pgJob, err error) {
	j = &pgJob{u: u, size: 256, begun: time.Now(), done: make(chan struct{}, 1), refused: core.EncodeRefusals(u.Refused)}
	for _, row := range j.refused {
		j.size += len(row) + 128
	}
	if u.Input != nil {
		if j.in, err = s.queue(ctx, u.Input.Queue); err != nil {
			return nil, err
		}
		j.failure, j.cause = core.EncodeFailure(u.Finish.Error)
		if u.Input.Name != "" {
			j.names = append(j.names, pgName{queue: j.in.id, key: u.Input.Name})
		}
	}
	for i := range u.Puts {
		if err := s.encodePut(ctx, j, &u.Puts[i]); err != nil {
			return nil, err
		}
	}
	j.encodeWrites(s.o.Clock.Now())
	if len(u.History) > 0 {
		j.events = core.AppendEvents(make([]byte, 0, 192*len(u.History)), u.History)
		for i := range u.History {
			j.links = append(j.links, u.History[i].Links...)
		}
		slices.Sort(j.links)
		j.links = slices.Compact(j.links)
		j.size += len(j.events)
	}
	return j, nil
}

// encodePut adds a put. One of a name that the unit has put already replaces that one.
func (s *Store) encodePut(ctx context.Context, j *pgJob, p *hub.Put) error {
	q, err := s.queue(ctx, p.Queue)
	if err != nil {
		return err
	}
	if p.Name != "" {
		j.puts = slices.DeleteFunc(j.puts, func(o pgPut) bool { return o.q == q && o.p.Name == p.Name })
		j.names = append(j.names, pgName{queue: q.id, key: p.Name})
	}
	r := pgPut{p: p, q: q}
	if p.Cancel {
		j.puts = append(j.puts, r)
		return nil
	}
	if p.Msg == nil {
		return fmt.Errorf("put to queue %q: no message", p.Queue)
	}
	r.state = core.StateOf(p)
	r.head, r.body = core.EncodeHead(p.Msg, p.Vars), p.Msg.Body.Bytes()
	r.crc = core.Checksum(q.id, p.Msg, r.head, r.body)
	r.failure, r.cause = core.EncodeFailure(p.Error)
	switch r.due = core.Nanos(p.Due); r.state {
	case hub.Dead:
		r.due, r.cause = core.Nanos(core.DeadSince(p.Error, s.o.Clock.Now())), core.CauseOf(r.cause)
	case hub.Waiting:
		r.cause = core.Awaited(p.Await, r.cause)
	}
	j.puts = append(j.puts, r)
	j.size += len(r.body) + len(r.head) + 128
	return nil
}

// encodeWrites makes the inbox key a create-only record. A record that is
// written twice keeps the check of the first write and the value of the last.
func (j *pgJob) encodeWrites(now time.Time) {
	if j.u.Inbox == "" && len(j.u.Writes) == 0 {
		return
	}
	at := map[pgName]int{}
	add := func(w hub.Write) {
		j.size += len(w.Value) + 64
		if i, twice := at[recordOfWrite(&w)]; twice {
			j.writes[i].Value, j.writes[i].Expires = w.Value, w.Expires
			return
		}
		at[recordOfWrite(&w)] = len(j.writes)
		j.writes = append(j.writes, w)
		j.names = append(j.names, recordOfWrite(&w))
	}
	if j.u.Inbox != "" {
		add(hub.Write{Kind: core.InboxKind, Key: j.u.Inbox, Value: []byte{}, Expires: now.Add(core.InboxKeep)})
	}
	for _, w := range j.u.Writes {
		add(w)
	}
}
