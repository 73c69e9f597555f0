package scenario

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/pipelines"
)

// Options say which tests run, and how.
type Options struct {
	Run   *regexp.Regexp // of the names; nil: all
	Chaos bool           // every test under every kind of chaos
	Plain bool           // no test under any
	Seeds int            // shuffles of each test; 0: 3
	Seed  int64          // not 0: this shuffle alone
	Kill  int            // not 0: the kill at this point alone
}

// Result is how a test ended.
type Result struct {
	Name, Subject, Line string
	Took                time.Duration
	Virtual             time.Duration // that went by in the test
	Kills, Shuffles     int
	Failures            []Failure // none: it passed
}

// Failure is what was not as expected.
type Failure struct {
	Line     string `json:"line"` // file:line:col
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Why      string `json:"why,omitempty"`
	Again    string `json:"again,omitempty"` // the command that shows it again
}

// session is a run of tests.
type session struct {
	lab  *Lab
	plan *pipelines.Plan
	o    Options
}

// Tests runs the tests one after another and gives each result to told.
func (lab *Lab) Tests(ctx context.Context, plan *pipelines.Plan, tests []*Test, o Options, told func(Result)) error {
	if o.Seeds == 0 {
		o.Seeds = 3
	}
	s := &session{lab, plan, o}
	for _, t := range tests {
		if o.Run != nil && !o.Run.MatchString(t.Name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		told(s.test(ctx, t))
	}
	return nil
}

func (s *session) test(ctx context.Context, t *Test) Result {
	began := time.Now()
	res := Result{Name: t.Name, Subject: t.Subject, Line: t.Line}
	r, found, err := s.play(ctx, t, mode{})
	res.Failures = found
	if err == nil && len(found) == 0 {
		err = s.chaos(ctx, t, r, &res)
	}
	if err != nil {
		res.Failures = append(res.Failures, Failure{Line: t.Line, Expected: "the test runs", Got: err.Error()})
	}
	res.Virtual = r.clock.Now().Sub(t.start)
	res.Took = time.Since(began)
	return res
}

// exactly is the regular expression of one name, to stand in single quotes.
func exactly(name string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(name), "'", ".") + "$"
}

// String is the failure as one text.
func (f Failure) String() string {
	text := fmt.Sprintf("%s\nexpected  %s\ngot       %s", f.Line, f.Expected, f.Got)
	for _, part := range [][2]string{{"why       ", f.Why}, {"again     ", f.Again}} {
		if part[1] != "" {
			text += "\n" + part[0] + part[1]
		}
	}
	return text
}

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
