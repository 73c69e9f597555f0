package scenario

import (
	"errors"
	"fmt"
	"time"

	"orderhub/hub"
)

// tooMany bounds the messages that one item may set going.
const tooMany = 100_000

// settle runs the hub until nothing that it reads is ready or due.
func (r *run) settle() error {
	stuck := map[string]bool{} // queues whose messages wait for others
	for n := 0; ; n++ {
		todo, err := r.todo(stuck)
		if err != nil || len(todo) == 0 {
			return err
		}
		if n == tooMany {
			return fmt.Errorf("the hub does not come to rest: %d messages ran, and there are more in %s", n, todo[0])
		}
		next := todo[0]
		if r.shuffle != nil {
			next = todo[r.shuffle.IntN(len(todo))]
		}
		ran, err := r.step(next)
		if err != nil {
			return err
		}
		if stuck[next] = !ran; ran {
			clear(stuck)
		}
	}
}

// brought stands for the broker among the queues.
const brought = "\x00broker"

// todo lists the queues with work, that of the oldest message first.
func (r *run) todo(stuck map[string]bool) (queues []string, err error) {
	if len(r.broker.waiting) > 0 && !stuck[brought] {
		queues = append(queues, brought)
	}
	rows, err := r.rows()
	if err != nil {
		return nil, err
	}
	now, listed := r.clock.Now(), map[string]bool{}
	for _, d := range rows {
		if d.State == hub.Dead || d.State == hub.Waiting && d.Due.After(now) || listed[d.Queue] || stuck[d.Queue] || !r.reads(d.Queue) {
			continue
		}
		listed[d.Queue] = true
		queues = append(queues, d.Queue)
	}
	return queues, nil
}

// rows are the stored messages, the oldest first.
func (r *run) rows() ([]*hub.Delivery, error) {
	return r.store.Browse(r.ctx, hub.BrowseQuery{Limit: 1 << 20})
}

func (r *run) reads(queue string) bool {
	for _, s := range r.plan.Stages() {
		if s.Queue == queue {
			return true
		}
	}
	return false
}

// step runs one message of the queue; after a kill the next step finds it again.
func (r *run) step(queue string) (ran bool, err error) {
	if queue == brought {
		return true, r.bring()
	}
	began := r.life
	err = r.alive(func(l *life) error {
		if l != began {
			ran = true
			return nil
		}
		var err error
		ran, err = l.rt.Step(l.ctx, queue)
		return err
	})
	return ran, err
}

// bring hands over what the broker has; it is the broker's until the hub took it.
func (r *run) bring() error {
	at := r.broker.bringable()
	pick := at[0]
	if r.shuffle != nil {
		pick = at[r.shuffle.IntN(len(at))]
	}
	p := r.broker.waiting[pick]
	began := r.life
	return r.alive(func(l *life) error {
		if l != began {
			return nil
		}
		_, err := l.rt.Inject(l.ctx, p.pipeline, p.msg)
		if err == nil || errors.Is(err, hub.ErrDuplicate) {
			r.took(p)
			return nil
		}
		return fmt.Errorf("%s refused what the broker brought: %w", p.pipeline, err)
	})
}

// until moves the time, from one due message to the next, up to the end.
func (r *run) until(end time.Time) error {
	if end.Before(r.clock.Now()) {
		return fmt.Errorf("%s is over: it is %s", end.Format(time.RFC3339), r.clock.Now().Format(time.RFC3339))
	}
	for {
		if err := r.settle(); err != nil {
			return err
		}
		next, err := r.nextDue()
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(end) {
			r.clock.set(end)
			return r.settle()
		}
		r.clock.set(next)
	}
}

// nextDue is when the next message falls due; zero: none waits.
func (r *run) nextDue() (next time.Time, err error) {
	rows, err := r.rows()
	for _, d := range rows {
		if d.State == hub.Waiting && d.Due.After(r.clock.Now()) && r.reads(d.Queue) && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next, err
}
