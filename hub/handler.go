package hub

import (
	"context"
	"io"
	"runtime/debug"
)

// Handler takes a message. When Handle returns nil the hub owns the message
// and its source may acknowledge it; on an error the source still owns it.
type Handler interface {
	Handle(ctx context.Context, m *Message) error
}

// HandleLater hands m to h, and calls done once, from any goroutine, with what Handle would have returned. It returns before
// that if m waits for nothing but a Later to confirm it: a source with much to give has few goroutines wait.
func HandleLater(ctx context.Context, h Handler, m *Message, done func(error)) {
	if l, ok := h.(interface {
		HandleLater(ctx context.Context, m *Message, done func(error))
	}); ok {
		l.HandleLater(ctx, m, done)
		return
	}
	done(h.Handle(ctx, m))
}

// HandlerFunc is a Handler made of a function.
type HandlerFunc func(ctx context.Context, m *Message) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, m *Message) error { return f(ctx, m) }

// Source brings messages from outside. Run returns only when ctx is done and
// every message it had begun is settled (nil), when the input is used up for
// good (nil), or when the connection is lost (the error; the hub runs it
// again). It acknowledges m only after h.Handle returned nil. It may call h
// from several goroutines, but never for two messages of one key at a time.
// Each time that it has found its far end it says so: Reads(h, nil).
// A source of request-reply messages finds a Caller in h.
type Source interface {
	Run(ctx context.Context, h Handler) error
}

// Reads tells the hub that the source of h reads now (nil), or that it has lost
// its far end and looks for it by itself (the error). A Run that ends with an
// error says so by that; the next one says that it reads.
func Reads(h Handler, err error) {
	if r, ok := h.(interface{ Reads(err error) }); ok {
		r.Reads(err)
	}
}

// Target takes messages to the outside. Send returns nil only after the far
// end confirmed; sending the same message ID again must be harmless where the
// far end allows it. Errors carry their Class.
type Target interface {
	Send(ctx context.Context, m *Message) error
	io.Closer
}

// Later is a Target whose far end confirms many messages at once, such as a file after one flush. SendLater returns before that,
// and calls done once, from any goroutine, with what Send would have returned. What done does must not take long.
type Later interface {
	Target
	SendLater(ctx context.Context, m *Message, done func(error))
}

// Caller asks and waits for the answer (EIP Request-Reply). The request's
// header idempotency-key is the same on every attempt.
type Caller interface {
	Call(ctx context.Context, m *Message) (*Message, error)
}

// CallerFunc is a Caller made of a function.
type CallerFunc func(ctx context.Context, m *Message) (*Message, error)

// Call calls f.
func (f CallerFunc) Call(ctx context.Context, m *Message) (*Message, error) { return f(ctx, m) }

// Next runs the steps that follow.
type Next func(ctx context.Context, x *Exchange) error

// Step is one filter of a pipeline: it calls next not at all (the message
// ends here), once, or many times. What it wants changed in the store goes
// into x.Unit; the far end may be called, but no store transaction is open.
// A returned error stops the message, always.
type Step interface {
	Process(ctx context.Context, x *Exchange, next Next) error
}

// StepFunc is a Step made of a function.
type StepFunc func(ctx context.Context, x *Exchange, next Next) error

// Process calls f.
func (f StepFunc) Process(ctx context.Context, x *Exchange, next Next) error { return f(ctx, x, next) }

// Chain is a Step that runs steps one after another, then next.
func Chain(steps ...Step) Step {
	if len(steps) == 1 {
		return steps[0]
	}
	return StepFunc(func(ctx context.Context, x *Exchange, next Next) error {
		return link(steps, next)(ctx, x)
	})
}

// Run is a Next that runs steps one after another, and nothing behind them.
func Run(steps ...Step) Next { return link(steps, End) }

// link folds steps and what follows them into one Next, once, so that nothing is built per message.
func link(steps []Step, next Next) Next {
	for i := len(steps) - 1; i >= 0; i-- {
		s, after := steps[i], next
		next = func(ctx context.Context, x *Exchange) error { return s.Process(ctx, x, after) }
	}
	return next
}

// End is the Next after the last step: it does nothing.
func End(context.Context, *Exchange) error { return nil }

// Panicked is the error of a panic that was recovered, with the stack of the goroutine that calls it.
func Panicked(p any) *Error { return Fail(Bug, "panic", "panic: %v\n%s", p, debug.Stack()) }

// Protect runs steps; a panic becomes a Bug of that message alone.
func Protect(ctx context.Context, run Next, x *Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Panicked(p)
		}
	}()
	return run(ctx, x)
}
