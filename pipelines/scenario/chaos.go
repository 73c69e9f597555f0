package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// chaos runs a test again, in the ways that it asks for, and holds each end
// against that of the plain run. The first difference of each kind is told.
func (s *session) chaos(ctx context.Context, t *Test, plain *run, res *Result) error {
	want, err := plain.end(ctx)
	if err != nil {
		return err
	}
	c := &trial{session: s, test: t, res: res, want: want}
	for _, kind := range s.kinds(t) {
		switch kind {
		case crash:
			err = c.crashes(ctx, plain.points)
		case duplicate:
			_, err = c.same(ctx, mode{twice: true}, "every message twice", "--chaos")
		case reorder:
			err = c.shuffles(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kinds are the kinds of chaos that t is to stand: its own, all, or the one that a failure is shown again by.
func (s *session) kinds(t *Test) (kinds []string) {
	switch {
	case s.o.Kill != 0 && s.o.Seed != 0:
		return []string{crash, reorder}
	case s.o.Kill != 0:
		return []string{crash}
	case s.o.Seed != 0:
		return []string{reorder}
	case s.o.Chaos:
		return everyChaos
	case s.o.Plain:
		return nil
	}
	return t.chaos
}

// trial is a test under chaos.
type trial struct {
	*session
	test *Test
	res  *Result
	want state
}

// crashes kills the hub at each point of the plain run, or at the one that is asked for.
func (c *trial) crashes(ctx context.Context, points []string) error {
	for i, name := range points {
		n := i + 1
		if c.o.Kill != 0 && c.o.Kill != n {
			continue
		}
		c.res.Kills++
		same, err := c.same(ctx, mode{kill: n}, "a kill "+name, "--kill "+strconv.Itoa(n))
		if err != nil || !same {
			return err
		}
	}
	return nil
}

// shuffles runs what has no order in others.
func (c *trial) shuffles(ctx context.Context) error {
	first, last := int64(1), int64(c.o.Seeds)
	if c.o.Seed != 0 {
		first, last = c.o.Seed, c.o.Seed
	}
	for seed := first; seed <= last; seed++ {
		c.res.Shuffles++
		same, err := c.same(ctx, mode{seed: seed}, fmt.Sprintf("the order of seed %d", seed), fmt.Sprintf("--seed %d", seed))
		if err != nil || !same {
			return err
		}
	}
	return nil
}

// same runs the test in a mode and tells whether it ended as it should. The flag runs that again.
func (c *trial) same(ctx context.Context, m mode, what, flag string) (bool, error) {
	r, found, err := c.play(ctx, c.test, m)
	if err != nil {
		return false, fmt.Errorf("with %s: %w", what, err)
	}
	got, err := r.end(ctx)
	if err != nil {
		return false, err
	}
	for _, f := range found {
		got = append(got, "the test ended at "+f.Line+": "+f.Got)
	}
	if slices.Equal(got, c.want) {
		return true, nil
	}
	again := "hub test --run '" + exactly(c.test.Name) + "' " + flag
	c.res.Failures = append(c.res.Failures, Failure{Line: c.test.Line, Expected: "the same end with " + what,
		Got: c.want.compare(got), Why: r.whyAgain(), Again: again})
	return false, nil
}

// whyAgain is told of a run that ended otherwise.
func (r *run) whyAgain() string {
	if r.killed {
		return "the hub was killed there, and started again over its store"
	}
	return ""
}
