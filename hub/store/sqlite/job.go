package sqlite

import (
	"context"
	"fmt"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// job is a unit on its way to the writer, encoded by the goroutine that
// commits it, or a piece of work of the store's own.
type job struct {
	u       *hub.Unit
	puts    []putRow
	failure any // of u.Finish
	cause   any
	events  []byte
	links   []string
	refused [][]byte // the rows of u.Refused
	outside bool
	size    int
	numbers int64 // sequence numbers it may need

	in   *queue // of u.Input
	held *claim // that it marked as busy

	run   func(b *batch) error // instead of u: inside the transaction
	alone func() error         // instead of u: outside of one

	err  error
	done chan struct{} // takes one signal when the job is settled
}

// putRow is a message encoded for its table.
type putRow struct {
	p              *hub.Put
	q              *queue
	state          hub.State
	head, body     []byte
	crc            int64
	failure, cause any
	due            int64
}

// Commit makes u durable, or nothing of it. ctx ends the waiting for a place
// in the writer's queue, never the write.
func (s *Store) Commit(ctx context.Context, u *hub.Unit) error {
	j, err := s.encode(u)
	if err != nil {
		return err
	}
	return s.submit(ctx, j)
}

func (s *Store) submit(ctx context.Context, j *job) error {
	j.done = make(chan struct{}, 1)
	if err := s.enqueue(ctx, j); err != nil {
		return err
	}
	<-j.done
	return j.err
}

func (s *Store) enqueue(ctx context.Context, j *job) error {
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
	case s.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) encode(u *hub.Unit) (*job, error) {
	j := &job{u: u, size: 256, numbers: int64(len(u.Puts)+len(u.Writes)+len(u.Refused)) + 2, refused: core.EncodeRefusals(u.Refused)}
	for _, row := range j.refused {
		j.size += len(row) + 128
	}
	if len(u.Puts) > 0 {
		j.puts = make([]putRow, len(u.Puts))
		if err := s.encodePuts(j); err != nil {
			return nil, err
		}
	}
	for i := range u.Writes {
		j.size += len(u.Writes[i].Value) + 64
	}
	if u.Input != nil {
		j.failure, j.cause = core.EncodeFailure(u.Finish.Error)
	}
	if len(u.History) > 0 {
		j.events = core.AppendEvents(make([]byte, 0, 192*len(u.History)), u.History)
		j.outside = core.CameFromOutside(u)
		for i := range u.History {
			j.links = append(j.links, u.History[i].Links...)
		}
		j.size += len(j.events)
	}
	return j, nil
}

func (s *Store) encodePuts(j *job) error {
	s.mu.Lock()
	for i := range j.puts {
		j.puts[i].p = &j.u.Puts[i]
		j.puts[i].q = s.queueOf(j.puts[i].p.Queue)
	}
	low := j.u.Input == nil && s.spaceLow()
	s.mu.Unlock()
	if low {
		return fmt.Errorf("store %s: less than %d MiB of disk are free: %w", s.path, s.reserve>>20, hub.ErrNoSpace)
	}
	for i := range j.puts {
		r := &j.puts[i]
		if r.p.Cancel {
			continue
		}
		if r.p.Msg == nil {
			return fmt.Errorf("put to queue %q: no message", r.p.Queue)
		}
		r.state = core.StateOf(r.p)
		r.head, r.body = core.EncodeHead(r.p.Msg, r.p.Vars), r.p.Msg.Body.Bytes()
		r.crc = core.Checksum(r.q.id, r.p.Msg, r.head, r.body)
		r.failure, r.cause = core.EncodeFailure(r.p.Error)
		r.due = core.Nanos(r.p.Due)
		if r.state == hub.Dead {
			r.due = core.Nanos(core.DeadSince(r.p.Error, s.o.Clock.Now()))
		}
		j.size += len(r.body) + len(r.head) + 128
	}
	return nil
}
