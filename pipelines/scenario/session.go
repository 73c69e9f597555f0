package scenario

import (
	"cmp"
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
	o.Seeds = cmp.Or(o.Seeds, 3)
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
	for _, kind := range s.kinds(t) {
		for _, v := range s.variants(kind, plain.points) {
			if v.kill > 0 {
				res.Kills++
			}
			if v.seed != 0 {
				res.Shuffles++
			}
			f, err := s.again(ctx, t, v, want)
			if err != nil {
				return err
			}
			if f != nil {
				res.Failures = append(res.Failures, *f)
				break
			}
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

// variant is a mode in which a test is run again, and the flag of `hub test` that does so.
type variant struct {
	mode
	what, flag string
}

// variants are a kill at each point of the plain run, or what else a kind of chaos is; or the one that is asked for.
func (s *session) variants(kind string, points []string) (out []variant) {
	switch kind {
	case crash:
		for i, name := range points {
			if n := i + 1; s.o.Kill == 0 || s.o.Kill == n {
				out = append(out, variant{mode{kill: n}, "a kill " + name, "--kill " + strconv.Itoa(n)})
			}
		}
	case duplicate:
		out = append(out, variant{mode{twice: true}, "every message twice", "--chaos"})
	case reorder:
		first, last := int64(1), int64(s.o.Seeds)
		if s.o.Seed != 0 {
			first, last = s.o.Seed, s.o.Seed
		}
		for seed := first; seed <= last; seed++ {
			out = append(out, variant{mode{seed: seed}, fmt.Sprintf("the order of seed %d", seed), fmt.Sprintf("--seed %d", seed)})
		}
	}
	return out
}

// again runs the test in a mode; nil: it ended as it should.
func (s *session) again(ctx context.Context, t *Test, v variant, want state) (*Failure, error) {
	r, found, err := s.play(ctx, t, v.mode)
	if err != nil {
		return nil, fmt.Errorf("with %s: %w", v.what, err)
	}
	got, err := r.end(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		got = append(got, "the test ended at "+f.Line+": "+f.Got)
	}
	if slices.Equal(got, want) {
		return nil, nil
	}
	return &Failure{Line: t.Line, Expected: "the same end with " + v.what, Got: want.compare(got), Why: r.whyAgain(),
		Again: "hub test --run '" + exactly(t.Name) + "' " + v.flag}, nil
}

// whyAgain is told of a run that ended otherwise.
func (r *run) whyAgain() string {
	if r.killed {
		return "the hub was killed there, and started again over its store"
	}
	return ""
}
