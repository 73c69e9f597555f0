package split

import (
	"context"
	"sync"
	"sync/atomic"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// run gives every child its steps, and behind them after(i). The first error stops the rest.
func (s *splitter) run(ctx context.Context, x *hub.Exchange, elems []doc.Value, after func(i int) hub.Next) error {
	if len(elems) == 0 {
		return nil
	}
	body, err := bodyOf(x.Msg)
	if err != nil {
		return err
	}
	vars := x.Vars.With("parent", body)
	if s.parallel > 1 && len(elems) > 1 && !x.Env.Serial {
		done, err := s.sideBySide(ctx, x, elems, vars, after)
		if done || err != nil {
			return err
		}
	}
	for i, elem := range elems {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, v := s.child(x, i, len(elems), elem, vars)
		child := x.With(m)
		child.Vars = v
		if err := s.one(ctx, child, after(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *splitter) one(ctx context.Context, child *hub.Exchange, after hub.Next) error {
	if s.steps == nil {
		return after(ctx, child)
	}
	return s.steps.Process(ctx, child, after)
}

// sideBySide runs the children in forks. done is false when two of them
// changed the same record: neither saw the other's change, so nothing of what
// they did is kept, and the caller runs them one after another. What they
// asked of far ends is asked again with the same Idempotency-Keys.
func (s *splitter) sideBySide(ctx context.Context, x *hub.Exchange, elems []doc.Value, vars hub.Vars, after func(i int) hub.Next) (done bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	forks := make([]*hub.Exchange, len(elems))
	for i, elem := range elems {
		m, v := s.child(x, i, len(elems), elem, vars)
		forks[i] = x.Fork(m)
		forks[i].Vars = v
	}
	var begun atomic.Int64
	var wg sync.WaitGroup
	for range min(s.parallel, len(elems)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(begun.Add(1)) - 1
				if i >= len(forks) {
					return
				}
				if err := s.safely(ctx, forks[i], after(i)); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	if entangled(forks) {
		return false, nil
	}
	x.Join(forks...)
	for _, f := range forks {
		if f.Unit.Reply != nil {
			x.Unit.Reply = f.Unit.Reply
		}
	}
	return true, nil
}

// safely makes a panic an error: no other goroutine would catch it.
func (s *splitter) safely(ctx context.Context, child *hub.Exchange, after hub.Next) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.site.At(hub.Panicked(p))
		}
	}()
	return s.one(ctx, child, after)
}

// entangled tells whether two forks change one record.
func entangled(forks []*hub.Exchange) bool {
	type name struct{ kind, key string }
	owners := map[name]int{}
	for i, f := range forks {
		for _, w := range f.Unit.Writes {
			n := name{w.Kind, w.Key}
			if o, known := owners[n]; known && o != i {
				return true
			}
			owners[n] = i
		}
	}
	return false
}
