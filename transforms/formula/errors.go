package formula

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
)

// Error is a fault of a formula's text, found before anything runs. Offset and Length are bytes of the source.
type Error struct {
	Offset, Length int
	Message, Help  string
}

func (e *Error) Error() string {
	if e.Help == "" {
		return e.Message
	}
	return e.Message + "; " + e.Help
}

// ReasonLimit is the reason of a formula that was stopped by its budget; ReasonTransform that of all other faults at run time.
const (
	ReasonLimit     = "expression_limit"
	ReasonTransform = "transform"
)

// RunError is a formula that met a document it can't work on. It is of class invalid: the same message fails again.
type RunError struct {
	Offset, Length int    // bytes of Source: the operand at fault
	Source         string // the formula
	Message        string // "body.user.email is missing"
	Help           string // "did you mean \"mail\"?"
	Found          string // what stood there: `body.user = {"id":"u1"}`, cut at 80 characters
	Reason         string // ReasonTransform or ReasonLimit
	Err            error  // the cause, when a function failed or the body is no document
}

func (e *RunError) Error() string {
	parts := []string{e.Message}
	if e.Found != "" {
		parts = append(parts, e.Found)
	}
	if e.Help != "" {
		parts = append(parts, e.Help)
	}
	return strings.Join(parts, "; ")
}

func (e *RunError) Unwrap() error { return e.Err }

// As gives the classified form to hub.AsError: the class of the cause if it has one, else invalid.
func (e *RunError) As(target any) bool {
	p, ok := target.(**hub.Error)
	if !ok {
		return false
	}
	c := &hub.Error{Class: hub.Invalid, Reason: e.Reason, Err: e}
	if e.Err != nil {
		cause := hub.AsError(e.Err)
		c.Class, c.Reason, c.After = cause.Class, cause.Reason, cause.After
	}
	*p = c
	return true
}

// foundLimit is how many characters of a found value a message shows.
const foundLimit = 80

// cut shortens text for a message.
func cut(s string) string {
	if len(s) <= foundLimit {
		return s
	}
	n := 0
	for i := range s {
		if n == foundLimit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// place is a part of a formula: what errors of a node point at.
type place struct {
	src      string
	from, to int
}

func (p place) text() string { return p.src[p.from:p.to] }

func (p place) fail(format string, args ...any) *RunError {
	return &RunError{Offset: p.from, Length: p.to - p.from, Source: p.src, Message: fmt.Sprintf(format, args...), Reason: ReasonTransform}
}

// failed is a function that returned an error.
func (p place) failed(err error) *RunError {
	if r, ok := errors.AsType[*RunError](err); ok && r.Source == p.src {
		return r
	}
	e := p.fail("%s: %v", headOf(p.text()), err)
	e.Err = err
	return e
}

// headOf is the text before the first bracket: the function's name of a call.
func headOf(s string) string {
	if i := strings.IndexByte(s, '('); i > 0 && utf8.ValidString(s[:i]) {
		return s[:i]
	}
	return s
}
