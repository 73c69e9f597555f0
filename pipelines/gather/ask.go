package gather

import (
	"context"
	"time"

	"orderhub/hub"
)

// grace is how long calls that were given up have to return. It is real time:
// it waits for goroutines, not for far ends.
const grace = 50 * time.Millisecond

// ask asks every recipient that is chosen in a goroutine of its own and gives the answers in their order, nil where none came in time, and
// the recipients whose reply came too late to count. The calls that are given up have their context cancelled; each holds nothing but its own fork.
func (s *Step) ask(ctx context.Context, x *hub.Exchange, chosen []int) (got []*answer, late []int, err error) {
	calls, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan *answer, len(chosen))
	for i, of := range chosen {
		fork := x.Fork(x.Msg)
		go func() { answers <- s.recipients[of].get(calls, i, fork) }()
	}
	var over <-chan time.Time
	if s.Wait > 0 {
		timer := x.Env.Clock.Timer(s.Wait)
		defer timer.Stop()
		over = timer.C()
	}
	got = make([]*answer, len(chosen))
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

// get asks one recipient, or sends it what it gets. A panic is its failure: no other goroutine would catch it.
func (r *recipient) get(ctx context.Context, i int, fork *hub.Exchange) (a *answer) {
	a = &answer{of: i, fork: fork}
	defer func() {
		if p := recover(); p != nil {
			a.err = hub.Panicked(p)
		}
	}()
	if r.send != nil {
		a.err = r.send.Send(fork, r.site.Suffix())
	} else {
		a.value, a.err = r.ask.Call(ctx, fork)
	}
	return a
}
