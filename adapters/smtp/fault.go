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

// failed classifies the error of a command that is about one mail: 4xx may pass, 5xx is for good.
func failed(command string, err error) error {
	r := replyOf(err)
	switch {
	case r == nil && isTimeout(err):
		return hub.Fail(hub.Timeout, "timeout", "%s: no answer in time: %w", command, err)
	case r == nil:
		return hub.Fail(hub.Unavailable, "connection_lost", "%s: %w", command, err)
	case r.Code >= 500:
		return &hub.Error{Class: hub.Rejected, Reason: reason(r), Err: &refusal{command, r}}
	case throttled(r):
		return &hub.Error{Class: hub.Throttled, Reason: reason(r), Err: &refusal{command, r}}
	}
	return &hub.Error{Class: hub.Unavailable, Reason: reason(r), Err: &refusal{command, r}}
}

func reason(r *textproto.Error) string { return fmt.Sprintf("smtp_%d", r.Code) }

// throttled tells whether the server has too much to do: 421 with an enhanced code 4.7.x.
func throttled(r *textproto.Error) bool { return r.Code == 421 && strings.HasPrefix(r.Msg, "4.7.") }

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

// unavailable classifies an error before any mail is named: the server can't be used now.
func (s *server) unavailable(what, reason string, err error) error {
	r := replyOf(err)
	switch {
	case r != nil && throttled(r):
		return &hub.Error{Class: hub.Throttled, Reason: "smtp_421", Err: &refusal{what, r}}
	case r != nil:
		return &hub.Error{Class: hub.Unavailable, Reason: reason, Err: fmt.Errorf("mail server %s: %s", s.addr, s.hide((&refusal{what, r}).Error()))}
	case isTimeout(err):
		return hub.Fail(hub.Timeout, "timeout", "mail server %s: %s: no answer in time", s.addr, what)
	}
	return &hub.Error{Class: hub.Unavailable, Reason: reason, Err: fmt.Errorf("mail server %s: %s: %s", s.addr, what, s.hide(err.Error()))}
}

// hide takes the password out of a text of the server.
func (s *server) hide(text string) string {
	if s.password == "" {
		return text
	}
	return strings.ReplaceAll(text, s.password, "[redacted]")
}
