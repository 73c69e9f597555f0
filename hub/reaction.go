package hub

import (
	"math/rand/v2"
	"regexp"
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
	d := r.longest(n)
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// Next decides what becomes of a message that failed with e after a number of
// tries that counted: whether it runs again, after which pause, and whether
// this failure counts. Throttling, a conflict inside the hub, what was not
// even tried, and what was a trial of a part that fails cost no attempt. What the far end may have done (Ambiguous) is
// tried once more, and slowly, whatever the policy would allow. delay is the
// pause before try n: r.Delay, but in tests.
func (r *Retry) Next(e *Error, tries int, delay func(n int) time.Duration) (pause time.Duration, again, counts bool) {
	if !r.Takes(e.Class) {
		return 0, false, true
	}
	counts = e.Class != Throttled && !e.Untried() && !e.trial && (e.Reason != "conflict" || e.Class != Unavailable)
	times, least := r.Times, e.After
	if e.Reason == Ambiguous {
		times, least = min(times, ambiguousTimes), max(least, AmbiguousPause)
	}
	if counts && tries >= times {
		return 0, false, true
	}
	return max(delay(tries+1), least), true, counts
}

// longest is the greatest Delay(n).
func (r *Retry) longest(n int) time.Duration {
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

// causeNoise are the values in a text: what is quoted, and words with a digit, such as numbers, times and identifiers.
var causeNoise = regexp.MustCompile(`"[^"]*"|[0-9A-Za-z_.:/+-]*[0-9][0-9A-Za-z_.:/+-]*`)

// after makes f, the stored form of e, the failure that follows before. It tells
// whether it is the same once more; what was not even tried says nothing new.
func (f *Failure) after(before *Failure, e *Error) (again bool) {
	if before == nil || before.Cause != f.Cause && !e.Untried() {
		return false
	}
	f.Since, f.Times = before.Since, before.Times+1
	if e.Untried() {
		f.Class, f.Reason, f.Message, f.Cause = before.Class, before.Reason, before.Message, before.Cause
	}
	return true
}

// maxText bounds the text of a stored error, in bytes.
const maxText = 2000

// failure is the stored form of e. The group is of failures of one kind: the
// class, the place and the message without its values, of e and of what led to it.
func failure(e *Error, now time.Time, config string) *Failure {
	f := &Failure{Times: 1, Since: now, Class: e.Class, Reason: e.Reason, Where: e.Where, Message: Clip(e.Error(), maxText), Time: now, Config: config}
	kind := ""
	for c := e; c != nil; c = c.Cause {
		kind += string(c.Class) + "|" + c.Where + "|" + causeNoise.ReplaceAllString(Clip(c.Error(), maxText), "…")
	}
	if e.Cause != nil {
		f.First = failure(e.Cause, time.Time{}, "")
	}
	f.Cause = "g" + HashID(kind)[:6]
	return f
}
