package scattergather

import (
	"context"
	"time"

	"orderhub/hub"
)

// grace is how long calls that were given up have to return. It is real time:
// it waits for goroutines, not for far ends.
const grace = 50 * time.Millisecond

// ask asks every target in a goroutine of its own and gives the answers by
// target, nil where none came in time, and the targets whose reply came too
// late to count. The calls that are given up have their context cancelled;
// each holds nothing but its own fork.
func (a *asker) ask(ctx context.Context, x *hub.Exchange) (got []*answer, late []int, err error) {
	calls, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan *answer, len(a.targets))
	for i, t := range a.targets {
		fork := x.Fork(x.Msg)
		go func() { answers <- t.call(calls, i, fork) }()
	}
	var over <-chan time.Time
	if a.wait > 0 {
		timer := x.Env.Clock.Timer(a.wait)
		defer timer.Stop()
		over = timer.C()
	}
	got = make([]*answer, len(a.targets))
	for left := len(got); left > 0; left-- {
		select {
		case r := <-answers:
			got[r.of] = r
		case <-over:
			left -= arrived(answers, got)
			cancel()
			return got, stragglers(answers, left), ctx.Err()
		case <-ctx.Done():
			cancel()
			stragglers(answers, left)
			return nil, nil, ctx.Err()
		}
	}
	return got, nil, nil
}

// arrived takes the answers that are there already.
func arrived(answers <-chan *answer, got []*answer) (n int) {
	for {
		select {
		case r := <-answers:
			got[r.of] = r
			n++
		default:
			return n
		}
	}
}

// stragglers waits for the calls that were given up and tells which of them brought a reply after all.
func stragglers(answers <-chan *answer, left int) (late []int) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for ; left > 0; left-- {
		select {
		case r := <-answers:
			if r.err == nil {
				late = append(late, r.of)
			}
		case <-timer.C:
			return late
		}
	}
	return late
}

// call asks one target. A panic is its failure: no other goroutine would catch it.
func (t target) call(ctx context.Context, i int, fork *hub.Exchange) (r *answer) {
	r = &answer{of: i, fork: fork}
	defer func() {
		if p := recover(); p != nil {
			r.err = hub.Panicked(p)
		}
	}()
	r.value, r.err = t.ask.Call(ctx, fork, t.suffix)
	return r
}
