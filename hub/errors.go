package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"orderhub/hub/doc"
)

// Class says what kind of error stopped a message, and with that what becomes
// of it. `fail:` steps may name classes of their own.
type Class string

const (
	Invalid     Class = "invalid"     // the message is wrong and stays wrong: Invalid Message Channel
	Rejected    Class = "rejected"    // the far end said no for good: dead letter
	Timeout     Class = "timeout"     // no answer in time: retried
	Unavailable Class = "unavailable" // the far end is away or says 5xx: retried
	Throttled   Class = "throttled"   // the far end, or we, are full: retried, costs no attempt
	Bug         Class = "bug"         // our fault (a panic, an impossible state): dead letter
)

// Classes are the built-in classes, for messages and docs.
var Classes = []Class{Invalid, Rejected, Timeout, Unavailable, Throttled, Bug}

// DiskFull is the Reason of an Unavailable error for what the hub's store has no room for.
const DiskFull = "disk_full"

// Reasons of the hub's own errors.
const (
	ReasonConflict = "conflict" // another unit was quicker
	ReasonTimeout  = "timeout"
	ReasonStopping = "stopping" // not finished because the hub stops
)

// Transient tells whether another try may help.
func (c Class) Transient() bool { return c == Timeout || c == Unavailable || c == Throttled }

// Error is a classified error. It is plain: what it says may cross stages,
// carriers and hubs. What a stage's own steps say of it stands beside it (see
// Catch) and never leaves the run.
type Error struct {
	Class  Class
	Reason string        // machine-readable code, e.g. "schema", "bad_json", "crashed_worker"
	Where  string        // pipeline/step, set by the step that failed
	Line   string        // file:line, likewise
	Part   string        // the adapter that is to blame: it is away, or full; "": none
	After  time.Duration // the far end's Retry-After; 0: none given
	Fields []FieldError  // what is wrong where in the body
	Err    error
	Told   bool     // whoever sent the message may read the text and the fields: see Tell
	Answer *Message // what the far end answered, where its status alone made the error: its format may know more
	Asked  string   // of a call over HTTP: see HeaderAsked
	Cause  *Error   // the error that was being handled when this one came up; nil: none was

	Verdict bool // the author says so, with a `fail:` step, knowing what was done before it: see Outcome
	Partial bool // something that was called before it was done, and stands: see Outcome
	Trial   bool // what failed was to find out whether the part works again
}

// FieldError is one fault in a body.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON Pointer, RFC 6901
	Detail  string `json:"detail"`
}

func (e *Error) Error() string {
	if e.Err == nil {
		return string(e.Class)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Chain is the text of the error with all that led to it, for people; each with at most so many bytes.
func (e *Error) Chain(most int) string {
	return e.chain(func(c *Error) string { return Clip(c.Error(), most) })
}

func (e *Error) chain(text func(*Error) string) string {
	all := text(e)
	if e.Partial {
		all += "; what was called before it is done"
	}
	for c := e.Cause; c != nil; c = c.Cause {
		all += "; this came up while handling " + c.Label() + ": " + text(c)
	}
	return all
}

// Label is class, reason and place: "rejected no_stock at p/call stock".
func (e *Error) Label() string {
	text := string(e.Class)
	if e.Reason != "" && e.Reason != text {
		text += " " + e.Reason
	}
	if e.Where != "" {
		text += " at " + e.Where
	}
	return text
}

// Document is the error as the variable `error` of error steps. `partial` tells
// that something which was called before it is done; `cause` is the error that was
// being handled when this one came up, of the same form, or null.
func (e *Error) Document() doc.Value {
	cause := doc.NullValue()
	if e.Cause != nil {
		cause = e.Cause.Document()
	}
	return doc.ObjectOf([]doc.Field{
		{Name: "class", Value: doc.StringValue(string(e.Class))},
		{Name: "reason", Value: doc.StringValue(e.Reason)},
		{Name: "where", Value: doc.StringValue(e.Where)},
		{Name: "message", Value: doc.StringValue(e.Error())},
		{Name: "partial", Value: doc.BoolValue(e.Partial)},
		{Name: "cause", Value: cause},
	})
}

// Awaits is the part whose recovery ends the wait for another try; "": the wait
// lasts its full time, because the request may have been done, or because the far
// end named the time (Retry-After).
func (e *Error) Awaits() string {
	if e.Reason == Ambiguous || e.After > 0 && !e.Untried() {
		return ""
	}
	return e.Part
}

// At names the place of err, unless that is known already.
func At(err error, where, line string) *Error {
	e := AsError(err)
	if e.Where != "" {
		return e
	}
	c := *e
	c.Where, c.Line = where, cmp.Or(c.Line, line)
	return &c
}

// During is err with the cause first, the error that was being handled when err
// came up, so that what went wrong first stays known.
func During(err error, first *Error) *Error {
	e := *AsError(err)
	if e.Cause != nil {
		first = During(e.Cause, first)
	}
	e.Cause = first
	return &e
}

// AnswerOf is the answer that made an error; nil: none did.
func AnswerOf(err error) *Message {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Answer
	}
	return nil
}

// About puts what err is about in front of it; its class stays. What an answer says is handed on as it is.
func About(what string, err error) error {
	if _, said := errors.AsType[Said](err); err == nil || said {
		return err
	}
	e := *AsError(err)
	e.Err = fmt.Errorf("%s: %w", what, e.Err)
	return &e
}

// GaveUp is the error of what was waited for until ctx ended.
func GaveUp(ctx context.Context, what string) error {
	return About(what, ctx.Err())
}

// Fail makes a classified error. The reason is its machine-readable code.
func Fail(c Class, reason, format string, args ...any) *Error {
	return &Error{Class: c, Reason: reason, Err: fmt.Errorf(format, args...)}
}

var (
	// ErrConflict: a record changed, or the lease was lost, since the unit read it. Nothing was committed; run again.
	ErrConflict = errors.New("conflict: changed by another unit of work")
	// ErrLost is an ErrConflict: the claim of the unit's input is not ours any more. Somebody else has the message.
	ErrLost = fmt.Errorf("%w: the claim ended", ErrConflict)
	// ErrDuplicate: the unit's inbox key is there already. Nothing was committed; the message was handled before.
	ErrDuplicate = errors.New("duplicate message")
	// ErrNotFound: no such record.
	ErrNotFound = errors.New("not found")
	// ErrFull: a bounded queue is full; the sender must slow down.
	ErrFull = errors.New("queue is full")
	// ErrNoSpace: the disk is full, or nearly. It heals by itself when there is space.
	ErrNoSpace = errors.New("no space left on the disk")
	// ErrClosed: the store or the hub is closed.
	ErrClosed = errors.New("closed")
)

// AsError finds or makes the classified error in err: unknown errors are a
// Bug, deadlines a Timeout, refused documents Invalid, ErrFull Throttled,
// ErrNoSpace Unavailable.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if s, ok := errors.AsType[*doc.SyntaxError](err); ok {
		return &Error{Class: Invalid, Reason: s.Code, Told: true, Err: err}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: Timeout, Reason: ReasonTimeout, Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return &Error{Class: Unavailable, Reason: ReasonStopping, Err: err}
	case errors.Is(err, ErrNoSpace):
		return &Error{Class: Unavailable, Reason: DiskFull, Err: err}
	case errors.Is(err, ErrFull):
		return &Error{Class: Throttled, Reason: "backlog_full", Err: err}
	case errors.Is(err, ErrConflict):
		return &Error{Class: Unavailable, Reason: ReasonConflict, Err: err}
	}
	return &Error{Class: Bug, Reason: "bug", Err: err}
}

// NoReply is the error of a request that has expired, whoever notices it first.
func NoReply(m *Message) *Error {
	return Fail(Timeout, ReasonTimeout, "no reply: the request expired at %s", m.Expires.Format(time.RFC3339))
}
