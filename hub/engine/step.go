package engine

import (
	"context"
	"errors"

	"orderhub/hub"
)

// Manual makes the caller of Step carry the stored messages, in place of Run:
// one at a time, in its own goroutine, and with retries that have no jitter, so
// that the same messages take the same course every time. Sources do not run:
// Inject brings their messages. It reads what lies in the store and is called
// once, before any Step and Inject. Nothing has to be stopped afterwards.
func (rt *Runtime) Manual(ctx context.Context) error {
	rt.manual, rt.env.Serial = true, true
	for _, d := range rt.order {
		if err := d.learn(ctx); err != nil {
			return err
		}
	}
	rt.recall(ctx)
	close(rt.started)
	return rt.wind(ctx)
}

// Step runs the next message of the queue that is ready or due to its end:
// settled, waiting for a retry, or dead. ran is false when there is none. What
// a message asks of another queue of this hub is answered within its step. The
// error is the store's: nothing may go on.
func (rt *Runtime) Step(ctx context.Context, queue string) (ran bool, err error) {
	d := rt.queues[queue]
	if d == nil {
		return false, hub.ErrNotFound
	}
	return d.step(ctx)
}

func (d *dispatcher) step(ctx context.Context) (ran bool, err error) {
	d.stepping.Lock()
	defer d.stepping.Unlock()
	m, err := d.take(ctx)
	if m == nil || err != nil {
		return false, err
	}
	out := d.deliver(ctx, m)
	if next := d.after(ctx, m, out); next != nil { // its lane would go on with it: here the next step does
		d.mu.Lock()
		d.running--
		d.queued++
		d.ready = append([]*hub.Delivery{next}, d.ready...)
		d.mu.Unlock()
	}
	select {
	case err = <-d.rt.die:
	default:
	}
	return true, err
}

// take gives the message that runs next; nil: none is ready or due.
func (d *dispatcher) take(ctx context.Context) (*hub.Delivery, error) {
	for {
		if err := d.fetchHeld(ctx, ctx); err != nil {
			return nil, err
		}
		if m := d.first(); m != nil {
			return m, nil
		}
		batch, _, err := d.rt.store.Claim(ctx, d.stage.Queue, 1, lease)
		freed := false
		if err == nil {
			freed, err = d.free(ctx)
		}
		if err != nil || len(batch) == 0 && !freed {
			return nil, errors.Join(err, d.rt.store.Release(context.WithoutCancel(ctx), batch))
		}
		if len(batch) == 0 {
			continue
		}
		if err := d.accept(ctx, ctx, batch[0]); err != nil {
			return nil, err
		}
	}
}

// first takes what accept made ready.
func (d *dispatcher) first() *hub.Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ready) == 0 {
		return nil
	}
	m := d.ready[0]
	d.ready = d.ready[1:]
	d.queued--
	d.running++
	return m
}

// inline runs the messages of the queue until the request that waits on ch is
// answered. When nothing is left to run, no reply would come in time.
func (rt *Runtime) inline(ctx context.Context, queue string, ch <-chan answer) (*hub.Message, error) {
	for {
		ran, err := rt.Step(ctx, queue)
		select {
		case a := <-ch:
			return a.reply, a.err
		default:
		}
		switch {
		case err != nil:
			return nil, err
		case !ran:
			return nil, hub.Fail(hub.Timeout, hub.ReasonTimeout, "no reply: nothing in %s is ready", queue)
		}
	}
}
