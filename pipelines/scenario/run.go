package scenario

import (
	"context"
	"errors"
	"math/rand/v2"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/pipelines"
)

// mode is the way that a test is run.
type mode struct {
	kill  int   // the point of the crash; 0: none
	twice bool  // what may come twice comes twice
	seed  int64 // of the order of what has none; 0: the store's order
}

func (m mode) plain() bool { return m == mode{} }

// run is one run of a test: a store, the world around it, and one life of the hub after another.
type run struct {
	*world
	test     *Test
	plan     *pipelines.Plan
	lab      *Lab
	store    store.Store
	life     *life
	shuffle  *rand.Rand
	killed   bool           // the hub was
	spent    int            // steps: messages that ran
	inputs   int            // how many messages the test gave
	requests int            // how often it handed one to a source that answers
	marks    map[string]int // how much of the arrivals an expectation of the name has seen
	since    int            // of the history: where the current item began
	from     int            // of the arrivals, likewise
	stages   map[*engine.Stage]hub.Next
}

// play runs the test t once and gives what it found.
func (s *session) play(ctx context.Context, t *Test, m mode) (r *run, misses []Failure, err error) {
	r = &run{world: newWorld(t, m), test: t, plan: s.plan, lab: s.lab, marks: map[string]int{}, stages: map[*engine.Stage]hub.Next{}}
	if m.seed != 0 {
		r.shuffle = rand.New(rand.NewPCG(uint64(m.seed)*0x9e3779b97f4a7c15, uint64(m.seed))) // near seeds give far orders
	}
	r.store, err = drivers.Open(ctx, "memory:", store.Options{Clock: r.clock})
	if err != nil {
		return r, nil, err
	}
	defer func() {
		if r.life != nil && r.life.opened != nil {
			err = errors.Join(err, r.life.close(ctx))
		}
		r.standBack()
	}()
	r.findQueues()
	if err := r.fill(ctx); err != nil {
		return r, nil, err
	}
	if err := r.begin(ctx, false); err != nil {
		return r, nil, err
	}
	return r, r.items(ctx, m.plain()), nil
}

// items does one thing after another. The first that is not as expected ends a
// plain run; under chaos the end counts, and nothing is expected on the way.
func (r *run) items(ctx context.Context, plain bool) (found []Failure) {
	for _, i := range r.test.items {
		r.since, r.from = len(r.history), len(r.arrivals)
		if i.reply != nil {
			*i.reply = reply{wanted: i.reply.wanted}
		}
		if err := r.do(ctx, i); err != nil {
			return []Failure{{Line: i.line, Expected: "the test goes on", Got: err.Error(), Why: r.why(nil)}}
		}
		if !plain {
			continue
		}
		if found = r.look(ctx, i); len(found) > 0 {
			return found
		}
	}
	if plain && !r.test.dead {
		if m := r.noneDead(ctx); m != nil {
			found = append(found, Failure{Line: r.test.Line, Expected: m.expected, Got: m.got, Why: m.why})
		}
	}
	return found
}

// do does what the item says, until nothing is left to do.
func (r *run) do(ctx context.Context, i *item) error {
	if i.act != nil {
		if err := i.act(ctx, r); err != nil {
			return err
		}
	}
	return r.settle(ctx)
}

// look makes the checks of an item.
func (r *run) look(ctx context.Context, i *item) (found []Failure) {
	fail := func(line string, m *miss) {
		f := Failure{Line: line, Expected: m.expected, Got: m.got, Why: m.why}
		if len(found) > 0 && f.Why == found[len(found)-1].Why {
			f.Why = "" // told already
		}
		found = append(found, f)
	}
	for _, m := range r.faults {
		fail(i.line, &miss{m.expected, m.got, r.why(nil)})
	}
	if m := r.unexpectedRefusal(i.reply); m != nil && len(found) == 0 {
		fail(i.line, m)
	}
	for _, c := range i.checks {
		if m := c.made(ctx, r); m != nil {
			fail(c.line, m)
		}
	}
	for _, c := range i.checks {
		for _, name := range c.about {
			r.marks[name] = len(r.arrivals)
		}
	}
	return found
}
