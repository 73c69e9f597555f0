package hub

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// Reasons of Unavailable errors that say that the far end was not even asked. Such
// a try costs no attempt: a far end that is away, or does not let us in, makes no
// dead letters, however long that lasts.
const (
	NotConnected = "not_connected" // there is no connection
	BreakerOpen  = "breaker_open"  // the circuit breaker stops all calls
	AuthRequired = "auth_required" // the far end wants a login, and the configuration has none
	AuthFailed   = "auth_failed"   // it does not take the login
	TLSRequired  = "tls_required"  // one of both sides wants encryption, and there is none
)

// Untried tells whether the far end was not even asked.
func (e *Error) Untried() bool {
	switch e.Reason {
	case NotConnected, BreakerOpen, AuthRequired, AuthFailed, TLSRequired:
		return true
	}
	return false
}

// unheard are the reasons of Rejected errors that tell of access, not of the request: no right, no such address,
// a network that is forbidden. Another key, path or proxy changes them, another message does not.
var unheard = []string{"http_403", "http_404", "http_405", "http_421", "redirect", "target_forbidden"}

// Unheard tells whether the refusal e says nothing of the request itself, and so not whether an earlier try of it was done.
func (e *Error) Unheard() bool {
	return e.Untried() || e.Class == Invalid || slices.Contains(unheard, e.Reason)
}

// Ambiguous is the Reason of an error where nobody knows whether the far end did
// what it was asked, and doing it twice does harm: a mail whose confirmation never
// came. With class Timeout the message is tried once more, after AmbiguousPause, and
// then becomes a dead letter for a person to decide; with class Rejected it becomes
// one at once. A far end that recognizes repeats (by Idempotency-Key, or by the
// message's ID) has no such errors.
const Ambiguous = "ambiguous"

// BadResponse is the Reason of a Rejected error for an answer that is not what it is declared to be, or that can't
// be read. It does not say whether the far end did what it was asked.
const BadResponse = "bad_response"

// InDoubt tells whether the request may have been done, wholly or in part, although no answer says so.
func (e *Error) InDoubt() bool {
	if e.Partial {
		return true
	}
	switch e.Class {
	case Timeout, Unavailable, Bug:
		return !e.Untried()
	case Rejected:
		return e.Reason == BadResponse || e.Reason == Ambiguous
	}
	return false
}

// Attempt is a Fork whose work has one outcome for its caller, however many far ends it calls: a pipeline that is
// called, a step of a process. The caller takes the outcome with Join or Outcome.
func (x *Exchange) Attempt(m *Message) *Exchange {
	y := x.Fork(m)
	y.Unit.acted = new(atomic.Bool)
	return y
}

// Acted notes that a far end did what x asked, and that this changed something there.
func (x *Exchange) Acted() { x.acted().Store(true) }

// acted is where x's attempt notes what was done, one for all of its forks.
func (x *Exchange) acted() *atomic.Bool {
	if x.Unit.acted == nil {
		x.Unit.acted = new(atomic.Bool)
	}
	return x.Unit.acted
}

// Outcome is err, which ended x's attempt, as the caller is told it: Partial if a far end that was called before has
// done its part, since a refusal by the second of two partners does not refuse the whole. An error of a `fail:` step
// stays as it is, because the author of the steps knows.
func (x *Exchange) Outcome(err error) error {
	if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrDuplicate) {
		return err
	}
	e := *AsError(err)
	e.Partial = e.Partial || !e.Verdict && x.acted().Load()
	e.Verdict = false
	if c, ok := err.(*caught); ok {
		out := *c
		out.err = &e
		return &out
	}
	return &e
}

// AmbiguousPause is the pause before the second try after an Ambiguous error. It is
// as long as RFC 5321, 4.5.4.1, advises, so that a far end has time to recover.
const AmbiguousPause = 30 * time.Minute

// ambiguousTimes bounds the tries after an ambiguous one, all earlier tries included.
const ambiguousTimes = 1

// OnAmbiguous is what a configuration wants done after an Ambiguous error.
type OnAmbiguous string

const (
	RetryAmbiguous OnAmbiguous = "retry" // it is tried once more, after a long pause
	ParkAmbiguous  OnAmbiguous = "park"  // it is a dead letter at once
)

// Error is an Ambiguous error of the class that leads to what o says.
func (o OnAmbiguous) Error(format string, args ...any) *Error {
	if o == ParkAmbiguous {
		return Fail(Rejected, Ambiguous, format, args...)
	}
	return Fail(Timeout, Ambiguous, format, args...)
}
