package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"

	"orderhub/hub"
)

// replyOf is the server's refusal in err, nil if it did not answer.
func replyOf(err error) *textproto.Error {
	r, _ := errors.AsType[*textproto.Error](err)
	return r
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || ok && n.Timeout()
}

// failed classifies the error of a command of phase p.
func failed(ctx context.Context, p phase, command string, err error) error {
	r := replyOf(err)
	switch {
	case r != nil:
		class, reason := classify(p, r)
		return &hub.Error{Class: class, Reason: reason, Err: &refusal{command, r}}
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return hub.Fail(hub.Unavailable, "stopping", "%s: given up: %w", command, ctx.Err())
	case isTimeout(err):
		return hub.Fail(hub.Timeout, "timeout", "%s: no answer in time: %w", command, err)
	}
	return hub.Fail(hub.Unavailable, "connection_lost", "%s: %w", command, err)
}

// refusal is a reply of the server as an error: one bounded line.
type refusal struct {
	command string
	reply   *textproto.Error
}

func (e *refusal) Error() string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, e.reply.Msg)
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "..."
	}
	return fmt.Sprintf("%s: the mail server answered %d %s", e.command, e.reply.Code, text)
}

func (e *refusal) Unwrap() error { return e.reply }

// unavailable is the error of opening a session: the server can't be used now. It is no mail's fault, and costs none an attempt.
func (s *server) unavailable(p phase, what string, err error) error {
	text := what + ": " + err.Error()
	e := &hub.Error{Class: hub.Unavailable, Reason: reasonOf[p]}
	if r := replyOf(err); r != nil {
		text = (&refusal{what, r}).Error()
		if class, reason := classify(p, r); class == hub.Throttled || (&hub.Error{Reason: reason}).Untried() {
			e.Class, e.Reason = class, reason
		}
	} else if isTimeout(err) {
		text = what + ": no answer in time"
	}
	e.Err = fmt.Errorf("mail server %s: %s", s.addr, text)
	return e
}
