// Package exit gives each way that a verb can end its exit code.
package exit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of every verb.
const (
	Fine        = 0
	Problems    = 1 // the configuration is invalid, the message was refused, dead letters are left
	Usage       = 2
	Unreachable = 3 // no hub answers
	Timeout     = 4
	Store       = 74 // the store failed, or is damaged (EX_IOERR)
	Config      = 78 // the store can't be used as it is named: in use, of another version, not the hub's (EX_CONFIG)
	Interrupted = 130
)

// Error ends the process with a code. A nil Err was told to the user already.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// With is err with the exit code.
func With(code int, err error) error { return &Error{code, err} }

// Usagef is the error of a command line that is wrong.
func Usagef(format string, args ...any) error { return With(Usage, fmt.Errorf(format, args...)) }

// Told ends with exit code 1 and prints nothing: what is wrong was printed.
func Told() error { return With(Problems, nil) }

// Ended is the error of a verb that was interrupted: its context has ended. nil: it goes on.
func Ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return With(Interrupted, nil)
}

// CodeOf is the exit code for an error, and whether the error is still to be printed.
func CodeOf(err error) (code int, say bool) {
	if err == nil {
		return Fine, false
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code, e.Err != nil
	}
	return Problems, true
}

// Signals is Interruptible, and gives the SIGHUPs.
func Signals(ctx context.Context) (context.Context, <-chan os.Signal, func()) {
	ctx, stop := Interruptible(ctx)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return ctx, hup, func() {
		signal.Stop(hup)
		stop()
	}
}

// Interruptible gives a context that SIGINT and SIGTERM end. A second one ends the process at once.
func Interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	end, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer cancel()
		select {
		case <-end:
		case <-done:
			return
		}
		cancel()
		select {
		case <-end:
			os.Exit(Interrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(end)
		close(done)
	}
}
