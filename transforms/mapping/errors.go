package mapping

import (
	"fmt"

	"orderhub/hub"
	"orderhub/transforms/formula"
)

// Error is a fault of a mapping, found before anything runs. Offset and Length are bytes of the formula at Pos; both 0: all of what is at Pos.
type Error struct {
	Pos            any
	Offset, Length int
	Message, Help  string
}

func (e *Error) Error() string {
	if e.Help == "" {
		return e.Message
	}
	return e.Message + "; " + e.Help
}

// RunError is a part of a mapping that failed on a message. Err is a *formula.RunError or a *hub.Error.
type RunError struct {
	Pos  any
	Path string // the field that was to be made: items[2].price
	Err  error
}

func (e *RunError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *RunError) Unwrap() error { return e.Err }

func failed(format string, args ...any) error {
	return hub.Fail(hub.Invalid, formula.ReasonTransform, format, args...)
}

func overLimit(format string, args ...any) error {
	return hub.Fail(hub.Invalid, formula.ReasonLimit, "the mapping %s", fmt.Sprintf(format, args...))
}
