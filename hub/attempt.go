package hub

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// Reasons of Unavailable errors for what was not even tried: it costs no
// attempt, so that a far end that is away, or that does not let us in, makes no
// dead letters however long it lasts.
const (
	NotConnected = "not_connected" // there is no connection
	BreakerOpen  = "breaker_open"  // the circuit breaker stops all calls
	AuthRequired = "auth_required" // the far end wants a login, and the configuration has none
	AuthFailed   = "auth_failed"   // it does not take the login
	TLSRequired  = "tls_required"  // one of both sides wants encryption, and there is none
)

// Untried tells that the far end was not even asked to do what the message wants.
func (e *Error) Untried() bool {
	switch e.Reason {
	case NotConnected, BreakerOpen, AuthRequired, AuthFailed, TLSRequired:
		return true
	}
	return false
}

// unheard are reasons of Rejected errors that come from a door, not from who does the work: no right, no such
// address, a network that is forbidden. They change with a key, a path or a proxy, not with the message.
var unheard = []string{"http_403", "http_404", "http_405", "http_421", "redirect", "target_forbidden"}

// Unheard tells that e, a refusal, says nothing of what was asked: not whether an earlier try of the same was done.
func (e *Error) Unheard() bool {
	return e.Untried() || e.Class == Invalid || slices.Contains(unheard, e.Reason)
}

// Ambiguous is the Reason of an error for what the far end may have done, though
// nobody knows, where doing it twice does harm: a mail whose confirmation never came.
// As a Timeout it is tried once more, after AmbiguousPause, and then is a dead letter
// for a person to decide; as Rejected it is one at once. A far end that knows
// repeats by a key (Idempotency-Key, the message's ID) has no such errors.
const Ambiguous = "ambiguous"

// BadResponse is the Reason of a Rejected error for an answer that does not fit what it is declared to be, or is no
// answer at all: nobody knows from it whether the far end did what it was asked.
const BadResponse = "bad_response"

// InDoubt tells that what was asked may be done, wholly or in part, though the answer does not say so, or not so that anybody understands it.
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

// Attempt is Fork for work that has one outcome for whoever asked for it, whatever it calls: a pipeline that is
// called, a step of a process. Who asked takes the outcome from Join, or from Outcome.
func (x *Exchange) Attempt(m *Message) *Exchange {
	y := x.Fork(m)
	y.Unit.acted = new(atomic.Bool)
	return y
}

// Acted notes that a far end did what x asked of it, and that this changed something there.
func (x *Exchange) Acted() { x.acted().Store(true) }

// acted is where x's attempt notes what was done, one for all of its forks.
func (x *Exchange) acted() *atomic.Bool {
	if x.Unit.acted == nil {
		x.Unit.acted = new(atomic.Bool)
	}
	return x.Unit.acted
}

// Outcome is err, which ended x's attempt, for whoever asked for it: it is Partial when something that was called
// before it is done. A refusal by the second of two partners is no refusal of the whole. Only the author of the
// steps knows better: an error of a `fail:` step says what it says.
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

// AmbiguousPause is how long what is ambiguous waits for its second try, as
// RFC 5321, 4.5.4.1, advises: a far end that was in trouble has had time to end it.
const AmbiguousPause = 30 * time.Minute

// ambiguousTimes bounds the tries after an ambiguous one, all earlier tries included.
const ambiguousTimes = 1

// OnAmbiguous is what a configuration says of ambiguous ends.
type OnAmbiguous string

const (
	RetryAmbiguous OnAmbiguous = "retry" // it is tried once more, after a long pause
	ParkAmbiguous  OnAmbiguous = "park"  // it is a dead letter at once
)

// Error is the error of what the far end may have done.
func (o OnAmbiguous) Error(format string, args ...any) *Error {
	if o == ParkAmbiguous {
		return Fail(Rejected, Ambiguous, format, args...)
	}
	return Fail(Timeout, Ambiguous, format, args...)
}
