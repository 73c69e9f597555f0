package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines/alert"
)

// settle runs the hub until nothing that it reads is ready or due.
func (r *run) settle(ctx context.Context) error {
	stuck := map[string]bool{} // queues whose messages wait for others
	for {
		todo, err := r.todo(ctx, stuck)
		if err != nil || len(todo) == 0 {
			return err
		}
		if r.spent++; r.spent > r.test.steps {
			return r.tooMany(todo[0])
		}
		next := todo[0]
		if r.shuffle != nil {
			next = todo[r.shuffle.IntN(len(todo))]
		}
		ran, err := r.step(ctx, next)
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
func (r *run) todo(ctx context.Context, stuck map[string]bool) (queues []string, err error) {
	if len(r.broker.waiting) > 0 && !stuck[brought] {
		queues = append(queues, brought)
	}
	rows, err := r.rows(ctx)
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
func (r *run) rows(ctx context.Context) ([]*hub.Delivery, error) {
	return r.store.Browse(ctx, store.BrowseQuery{Limit: 1 << 20})
}

// reads tells that the hub reads the queue. Alerts are looked at in a test that says so: a look every few seconds of virtual time makes weeks long.
func (r *run) reads(queue string) bool {
	return (queue != alert.Queue || r.test.alerts) && slices.ContainsFunc(r.plan.Stages(), func(s *engine.Stage) bool { return s.Queue == queue })
}

// step runs one message of the queue; after a kill the next step finds it again.
func (r *run) step(ctx context.Context, queue string) (ran bool, err error) {
	return r.once(ctx, func(l *life) (bool, error) {
		if queue == brought {
			return r.bring(ctx, l)
		}
		return l.rt.Step(ctx, queue)
	})
}

// bring hands over what the broker has; it is the broker's until the hub took
// it. What the hub can't take now stays there.
func (r *run) bring(ctx context.Context, l *life) (took bool, err error) {
	at := firsts(r.broker.waiting, func(p parcel) (string, string) { return p.pipeline, p.msg.Key })
	pick := at[0]
	if r.shuffle != nil {
		pick = at[r.shuffle.IntN(len(at))]
	}
	p := r.broker.waiting[pick]
	_, err = l.rt.Inject(ctx, p.pipeline, p.msg)
	if took = err == nil || errors.Is(err, hub.ErrDuplicate) || !hub.AsError(err).Class.Transient(); took && !l.over() {
		r.took(p)
	}
	return took, nil
}

// until moves the time, from one due message to the next, up to the end.
func (r *run) until(ctx context.Context, end time.Time) error {
	if end.Before(r.clock.Now()) {
		return fmt.Errorf("%s is over: it is %s", end.Format(time.RFC3339), r.clock.Now().Format(time.RFC3339))
	}
	for {
		if err := r.settle(ctx); err != nil {
			return err
		}
		next, err := r.nextDue(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(end) {
			r.clock.Set(end)
			return r.settle(ctx)
		}
		r.clock.Set(next)
	}
}

// nextDue is when the next message falls due; zero: none waits.
func (r *run) nextDue(ctx context.Context) (next time.Time, err error) {
	rows, err := r.rows(ctx)
	for _, d := range rows {
		if d.State == hub.Waiting && d.Due.After(r.clock.Now()) && r.reads(d.Queue) && (next.IsZero() || d.Due.Before(next)) {
			next = d.Due
		}
	}
	return next, err
}

// tooMany is the error of a test that has used up its steps. It names the states that
// the instance which moved last went through, else what ran last.
func (r *run) tooMany(queue string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, states := "", []string(nil)
	for _, n := range slices.Backward(r.history) {
		if n.What != "entered" || last != "" && n.Message != last {
			continue
		}
		if last = n.Message; len(states) == shownStates {
			break
		}
		states = append(states, n.Detail)
	}
	what := "there is more in " + queue
	if last != "" {
		slices.Reverse(states)
		what = last + " went … → " + strings.Join(states, " → ")
	}
	return fmt.Errorf("it does not come to rest within %d steps (`steps:` of the test): %s", r.test.steps, what)
}

// shownStates bounds how many states are named.
const shownStates = 6
