package hub

import (
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

// Transient tells whether another try may help.
func (c Class) Transient() bool { return c == Timeout || c == Unavailable || c == Throttled }

// Error is a classified error.
type Error struct {
	Class  Class
	Reason string        // machine-readable code, e.g. "schema", "bad_json", "crashed_worker"
	Where  string        // pipeline/step, set by the step that failed
	Line   string        // file:line, likewise
	After  time.Duration // the far end's Retry-After; 0: none given
	Fields []FieldError  // what is wrong where in the body
	Err    error

	react func(*Error) (Reaction, bool) // the failed step's own `errors:` and `retry:`
	msg   *Message                      // the message as it was at that step
	open  bool                          // the step stands inside another one, which may still add its reaction
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

// Document is the error as the variable `error` of error steps.
func (e *Error) Document() doc.Value {
	return doc.ObjectOf([]doc.Field{
		{Name: "class", Value: doc.StringValue(string(e.Class))},
		{Name: "reason", Value: doc.StringValue(e.Reason)},
		{Name: "where", Value: doc.StringValue(e.Where)},
		{Name: "message", Value: doc.StringValue(e.Error())},
	})
}

// Reaction is what the failed step itself says becomes of the message; false: nothing.
func (e *Error) Reaction() (Reaction, bool) {
	if e.react == nil {
		return Reaction{}, false
	}
	return e.react(e)
}

// Place is where an error happened.
type Place struct {
	Where, Line string
	React       func(*Error) (Reaction, bool) // the step's own reaction; nil: none
	Inner       bool                          // the step stands inside another one, or in a pipeline that is called
}

// At marks err, which came out of the step at p that had message m. The first
// step to see an error is its place; the first step around it, inside out, whose
// reactions take the error's class gives the reaction. Errors of the steps behind pass through unchanged.
func At(err error, p Place, m *Message) error {
	e := AsError(err)
	if e.Where != "" && !e.open {
		return e
	}
	c := *e
	if c.Where == "" {
		c.Where = p.Where
		if c.Line == "" {
			c.Line = p.Line
		}
	}
	if c.react == nil && p.React != nil {
		if _, takes := p.React(e); takes {
			c.react, c.msg = p.React, m
		}
	}
	c.open = p.Inner
	return &c
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
	// ErrClosed: the store or the hub is closed.
	ErrClosed = errors.New("closed")
)

// AsError finds or makes the classified error in err: unknown errors are a
// Bug, deadlines a Timeout, refused documents Invalid, ErrFull Throttled.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if s, ok := errors.AsType[*doc.SyntaxError](err); ok {
		return &Error{Class: Invalid, Reason: s.Code, Err: err}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: Timeout, Reason: "timeout", Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return &Error{Class: Unavailable, Reason: "stopping", Err: err}
	case errors.Is(err, ErrFull):
		return &Error{Class: Throttled, Reason: "backlog_full", Err: err}
	case errors.Is(err, ErrConflict):
		return &Error{Class: Unavailable, Reason: "conflict", Err: err}
	}
	return &Error{Class: Bug, Reason: "bug", Err: err}
}
