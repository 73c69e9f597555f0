package scenario

import (
	"context"
	"fmt"
	"regexp"
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
