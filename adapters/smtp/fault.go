package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
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

// phase is where in a session a reply comes.
type phase uint8

const (
	greeting  phase = 1 << iota // and EHLO
	encrypt                     // STARTTLS and its handshake
	login                       // AUTH
	sender                      // MAIL FROM
	recipient                   // RCPT TO
	begin                       // DATA, before its text
	content                     // the answer to the final dot

	command  = sender | recipient | begin // a command that is about one mail
	anywhere = 0xff
)

// reasonOf are the reasons of what fails before any mail is named.
var reasonOf = map[phase]string{greeting: hub.NotConnected, encrypt: hub.TLSRequired, login: hub.AuthFailed}

const (
	reasonSender = "sender_refused" // of our address, which the configuration says
	reasonRelay  = "relay_denied"   // the server takes no mail for others from us
)

// rule says what replies mean that come in some phases, begin with one of some codes, have an enhanced code (RFC 3463) that begins
// with one of some, and hold a word. Codes are separated by spaces; "" fits any.
type rule struct {
	in       phase
	codes    string
	enhanced string
	word     string
	class    hub.Class
	reason   string // "": smtp_CODE
}

// rules: the first that fits counts. The codes are those of RFC 5321, 4.2, RFC 4954 (AUTH), RFC 3207 (STARTTLS) and the registry
// of enhanced codes, RFC 5248. What the connection, the login or our own address is at fault for is never a mail's fault, in
// whatever phase the server says so.
var rules = []rule{
	{anywhere, "523 538", "", "", hub.Unavailable, hub.TLSRequired},
	{anywhere, "5", "5.7.10 5.7.11", "", hub.Unavailable, hub.TLSRequired},
	{anywhere, "530", "", "tls", hub.Unavailable, hub.TLSRequired},
	{anywhere, "530", "", "", hub.Unavailable, hub.AuthRequired},
	{anywhere, "5", "5.7.57", "", hub.Unavailable, hub.AuthRequired},
	{anywhere, "503", "", "auth", hub.Unavailable, hub.AuthRequired}, // "503 5.5.1 Error: authentication needed"
	{anywhere, "432 525 534 535", "", "", hub.Unavailable, hub.AuthFailed},
	{anywhere, "454", "4.7.0", "", hub.Unavailable, hub.AuthFailed},
	{anywhere, "5", "5.7.3 5.7.8 5.7.9 5.7.12 5.7.13 5.7.14", "", hub.Unavailable, hub.AuthFailed},

	{anywhere, "421", "4.7", "", hub.Throttled, ""},
	{anywhere, "4", "", "", hub.Unavailable, ""},

	{recipient, "5", "", "relay", hub.Unavailable, reasonRelay},   // the text is all that tells it from a refused recipient
	{sender, "552", "", "", hub.Rejected, ""},                     // too large
	{command, "500 502 503 504 555", "", "", hub.Unavailable, ""}, // the server does not know what we say
	{command, "521", "", "", hub.Unavailable, ""},                 // it takes no mail at all
	{sender, "5", "", "", hub.Unavailable, reasonSender},
	{anywhere, "5", "", "", hub.Rejected, ""},
	{anywhere, "", "", "", hub.Unavailable, ""}, // no reply that belongs there
}

// classify says what a reply in phase p means.
func classify(p phase, r *textproto.Error) (hub.Class, string) {
	code := strconv.Itoa(r.Code)
	enhanced, _, _ := strings.Cut(r.Msg, " ")
	text := strings.ToLower(r.Msg)
	for _, rule := range rules {
		if rule.in&p == 0 || !begins(code, "", rule.codes) || !begins(enhanced, ".", rule.enhanced) || !strings.Contains(text, rule.word) {
			continue
		}
		return rule.class, cmp.Or(rule.reason, fmt.Sprintf("smtp_%d", r.Code))
	}
	panic("the last rule fits all")
}

// begins tells whether a code is one of some, or of the group of one, behind whose name sep stands: 4.7.28 is of the group 4.7.
func begins(code, sep, some string) bool {
	return some == "" || slices.ContainsFunc(strings.Fields(some), func(one string) bool { return strings.HasPrefix(code+sep, one+sep) })
}
