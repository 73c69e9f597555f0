package main

import (
	"errors"
	"fmt"
)

// Exit codes of every verb.
const (
	exitFine        = 0
	exitProblems    = 1 // the configuration is invalid, the message was refused, dead letters are left
	exitUsage       = 2
	exitUnreachable = 3 // no hub answers
	exitTimeout     = 4
	exitStore       = 74 // the store failed, or is damaged (EX_IOERR)
	exitConfig      = 78 // the store can't be used as it is named: in use, of another version, not the hub's (EX_CONFIG)
	exitInterrupted = 130
)

// exitError ends the process with a code. A nil err was told to the user already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is wrong usage of the command line.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// problems ends with exit code 1; what is wrong was printed.
func problems() error { return &exitError{exitProblems, nil} }

// codeOf is the exit code for an error and whether it is still to be printed.
func codeOf(err error) (code int, say bool) {
	if err == nil {
		return exitFine, false
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code, e.err != nil
	}
	return exitProblems, true
}
