package hub

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Retry is a durable retry: the message waits in the store, holds no thread
// and survives a restart.
type Retry struct {
	Name     string
	Times    int           // attempts after the first; then a dead letter
	Min, Max time.Duration // exponential from Min to Max, with full jitter above Min/2
	Errors   []Class       // which classes are retried; empty: the transient ones
}

// DefaultRetry is what a transient error gets where nothing is declared.
var DefaultRetry = &Retry{Name: "default", Times: 12, Min: time.Second, Max: 5 * time.Minute}

// Never is the policy `retry: never`: it takes no class, whatever the default would do.
var Never = &Retry{Name: "never", Errors: []Class{"-"}}

// Takes tells whether the policy retries the class.
func (r *Retry) Takes(c Class) bool {
	if len(r.Errors) == 0 {
		return c.Transient()
	}
	return slices.Contains(r.Errors, c)
}

// Delay is the pause before try number n (1: the first retry): Min·2^(n-1) up
// to Max, of which the upper half is random, so that many do not come at once.
func (r *Retry) Delay(n int) time.Duration {
	d := r.Longest(n)
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// Next decides what becomes of a message that failed with e after a number of
// tries that counted: whether it runs again, after which pause, and whether
// this failure counts. No attempt is spent on throttling, a conflict inside the
// hub, what was not even tried, and the trial of a part that fails. After an
// Ambiguous error there is one more try after a long pause, whatever the policy
// allows. delay gives the pause before try n: r.Delay, except in tests.
func (r *Retry) Next(e *Error, tries int, delay func(n int) time.Duration) (pause time.Duration, again, counts bool) {
	if !r.Takes(e.Class) {
		return 0, false, true
	}
	counts = e.Class != Throttled && !e.Untried() && !e.Trial && (e.Reason != ReasonConflict || e.Class != Unavailable)
	times, least := r.Times, e.After
	if e.Reason == Ambiguous {
		times, least = min(times, ambiguousTimes), max(least, AmbiguousPause)
	}
	if counts && tries >= times {
		return 0, false, true
	}
	return max(delay(tries+1), least), true, counts
}

// Longest is the greatest Delay(n).
func (r *Retry) Longest(n int) time.Duration {
	d := r.Min
	for i := 1; i < n && d < r.Max; i++ {
		d *= 2
	}
	return min(d, r.Max)
}

// Reaction is what becomes of a message whose step failed. The zero Reaction
// is the class's default: transient classes are retried by DefaultRetry, all
// others become dead letters.
type Reaction struct {
	Retry *Retry
	Steps Next // run with the message as it was when the step failed; it ends the message
}

// Policy finds the reaction to an error.
type Policy func(e *Error) Reaction

// Place is a step, as errors that come out of it know it.
type Place struct {
	Where, Line string
	React       func(*Error) (Reaction, bool) // the step's own `errors:` and `retry:`; nil: none
	Outer       *Place                        // the step that it stands in; nil: it stands in its pipeline
}

// caught is an error on its way out of the steps of one run: the plain error, and
// what the steps that it came through say of it. AsError gives the plain error, so
// that whoever hands one on, to a caller or into the store, hands on nothing of this.
type caught struct {
	err      *Error
	around   *Place // the step around those that it came through; nil: none
	called   bool   // it came out of a pipeline that is called: the step that calls is around it, whichever that is
	reacts   bool
	reaction Reaction
	msg      *Message // as the step that reacts had it; else as the step had it that failed
}

func (c *caught) Error() string { return c.err.Error() }

// Unwrap gives the plain error.
func (c *caught) Unwrap() error { return c.err }

// Catch marks err, which came out of the step at p that had message m. The first
// step to see an error is its place; the first step around it, inside out, whose
// reactions take the error's class gives the reaction. An error of the steps
// behind p passes through unchanged.
func Catch(err error, p *Place, m *Message) error {
	c := caught{err: At(err, p.Where, p.Line), msg: m}
	if had, ok := err.(*caught); ok {
		if had.around != p && !had.called {
			return err
		}
		c = *had
	}
	if !c.reacts && p.React != nil {
		if c.reaction, c.reacts = p.React(c.err); c.reacts {
			c.msg = m
		}
	}
	c.around, c.called = p.Outer, false
	return &c
}

// Called marks err, which came out of a pipeline that was called inside the
// caller's run: the steps of the caller react where the pipeline's own do not.
func Called(err error) error {
	if had, ok := err.(*caught); ok {
		c := *had
		c.called = true
		return &c
	}
	return err
}

// ReactionTo is what the steps that err came out of say becomes of the message, with
// the message as the step had it that says so; false: nothing.
func ReactionTo(err error) (r Reaction, had *Message, ok bool) {
	if c, is := err.(*caught); is && c.reacts {
		return c.reaction, c.msg, true
	}
	return Reaction{}, nil, false
}
