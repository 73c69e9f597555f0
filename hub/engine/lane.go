package engine

import (
	"context"
	"time"

	"orderhub/hub"
)

// lane runs m and what follows it until nothing is left to run.
func (d *dispatcher) lane(work context.Context, m *hub.Delivery) {
	for m != nil {
		out := settled
		if work.Err() != nil || !d.holding(m) {
			out = undone
			d.release(m)
		} else {
			out = d.deliver(work, m)
		}
		m = d.after(work, m, out)
	}
	d.kick.Give()
}

func (d *dispatcher) release(m *hub.Delivery) {
	if err := d.rt.store.Release(context.Background(), []*hub.Delivery{m}); err != nil && d.rt.store.Err() == nil {
		d.rt.log.Error("release", "queue", d.stage.Queue, "error", err)
	}
}

// after settles m's key and picks the lane's next message: the next of the key's line, else
// what is ready. The caller's lane ends with nil.
func (d *dispatcher) after(work context.Context, m *hub.Delivery, out outcome) *hub.Delivery {
	if out != undone {
		d.load.ran.Add(1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Msg.Key != "" {
		if next := d.afterKey(work, m, out); next != nil {
			return next
		}
	}
	if len(d.ready) > 0 && !d.rt.stopping() {
		next := d.ready[0]
		d.ready = d.ready[1:]
		d.queued--
		if 2*d.stage.Lanes-d.running-d.queued >= d.stage.Lanes {
			d.kick.Give()
		}
		return next
	}
	d.running--
	return nil
}

// afterKey settles m's key and gives the next message of its line; nil: none is to run now.
// A key has a line exactly while one of its messages is ready or running, so that no
// second lane begins it. d.mu is held.
func (d *dispatcher) afterKey(work context.Context, m *hub.Delivery, out outcome) *hub.Delivery {
	key := m.Msg.Key
	if out == settled {
		d.left(key)
	}
	_, blocked := d.blocked[key]
	line := d.lines[key]
	switch {
	case out == waits:
		d.blocked[key] = retryWaits
		delete(d.lines, key)
		if again := d.holdLine(work, m, line); again != nil {
			d.lines[key] = []*hub.Delivery{}
			if !d.rt.stopping() {
				return again
			}
			d.lines[key] = append(d.lines[key], again)
			d.queued++
		}
	case d.rt.stopping(): // what waits behind is released when the lanes are done
	case out == undone, out == lost: // what waits behind it goes back, too, so that it stays behind it
		if out == lost {
			d.ended = append(d.ended, key)
		}
		delete(d.lines, key)
		d.back[key] = true
		d.queued -= len(line)
		for _, w := range line {
			d.release(w)
		}
	case len(line) > 0:
		d.lines[key] = line[1:]
		d.queued--
		return line[0]
	default:
		delete(d.lines, key)
		if blocked {
			d.blocked[key] = retryOver
		}
	}
	return nil
}

// holdLine holds what waits behind m in its line. A retry of m itself, which
// fell due and was claimed before m's lane got here, is given back: it is next. d.mu is held.
func (d *dispatcher) holdLine(work context.Context, m *hub.Delivery, line []*hub.Delivery) (again *hub.Delivery) {
	for _, w := range line {
		d.queued--
		if w.Seq == m.Seq {
			again = w
		} else if err := d.hold(work, w); err != nil {
			d.rt.log.Error("hold", "queue", d.stage.Queue, "error", err)
			d.release(w)
		}
	}
	return again
}

// deliver runs the stage for one stored message.
func (d *dispatcher) deliver(work context.Context, m *hub.Delivery) outcome {
	rt := d.rt
	switch {
	case m.Crashes >= crashLimit:
		return d.bury(work, m, hub.Fail(hub.Bug, "crashed_worker", "the hub stopped uncleanly %d times while this message ran", m.Crashes))
	case expired(m.Msg, rt.clock):
		return d.expire(work, m)
	case m.Crashes == crashLimit-1: // a suspect hit twice runs alone among such, so that only the culprit is hit again
		rt.suspects.Lock()
		defer rt.suspects.Unlock()
	}
	here := &running{recorder: rt.recorder, seq: m.Seq, slot: rt.recorder.Begin(m.Seq)}
	defer here.end()
	work = context.WithValue(work, runningKey{}, here)
	failpoint("before_run", m.Msg.ID+" "+m.Msg.Correlation+" "+d.stage.Name)
	_, out, err := rt.run(work, d.stage, m.Msg, m)
	switch {
	case err == nil:
	case rt.store.Err() != nil: // it said so itself, and Run ends
	case hub.AsError(err).Class.Transient():
		return d.unkept(m, err)
	default:
		rt.fatal(err)
	}
	return out
}

// expire ends a message that came too late: a dead letter, but a request is given
// up, and who asked is told what its own timer would tell.
func (d *dispatcher) expire(ctx context.Context, m *hub.Delivery) outcome {
	e := expiry(m.Msg)
	if !d.stage.asked(m.Msg) {
		return d.bury(ctx, m, e)
	}
	e = hub.NoReply(m.Msg)
	if m.Error != nil {
		e.Cause = m.Error.Err()
	}
	return d.bury(ctx, m, e)
}

// bury ends a message that is not run: nothing reacts to e, and nothing is tried again.
func (d *dispatcher) bury(ctx context.Context, m *hub.Delivery, e *hub.Error) outcome {
	e.Where = d.stage.Name
	out, err := d.rt.react(ctx, d.stage.final(), m.Msg, m, e, &hub.Unit{})
	switch {
	case err == nil:
	case hub.AsError(err).Class.Transient():
		return d.unkept(m, err)
	default:
		d.rt.fatal(err)
	}
	return out
}

// unkept gives m back, since the store is away or full: nothing is changed, and the message is still there.
func (d *dispatcher) unkept(m *hub.Delivery, err error) outcome {
	d.rt.unkept(err)
	if !d.rt.manual { // virtual time does not pass while its one message runs
		hub.Pause(context.Background(), d.rt.clock, 50*time.Millisecond) // of many lanes at once: not too fast
	}
	d.release(m)
	return undone
}

// final is the stage for what is not to be tried again, whatever its class.
func (s *Stage) final() *Stage {
	c := *s
	c.React = func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: hub.Never} }
	return &c
}
