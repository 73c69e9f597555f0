package stub

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	maxMail  = 10 << 20
	keptMail = 256 << 10 // bytes of a raw mail that are kept
)

// mailbox is the mail server's backend: it accepts any mail, once per Message-ID.
type mailbox struct{ env Env }

var (
	_ smtp.Backend = mailbox{}
	_ smtp.Session = (*mailSession)(nil)
)

// NewMail is the mail server, not yet serving. Recipients whose name is bounce or tempfail are refused.
func NewMail(env Env) *smtp.Server {
	s := smtp.NewServer(mailbox{env})
	s.Domain = "stub.localhost"
	s.MaxMessageBytes, s.MaxRecipients = maxMail, 100
	s.ReadTimeout, s.WriteTimeout = 5*time.Minute, time.Minute
	s.EnableSMTPUTF8 = true
	s.ErrorLog = silent{}
	return s
}

// silent drops what go-smtp would log: only the hub logs.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func (p mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	f := p.env.Faults.take("mail", "send", func(f Fault) bool { return f.Down > 0 && !f.After })
	if f.Down > 0 {
		_ = c.Conn().Close()
		return nil, errors.New("down")
	}
	return &mailSession{env: p.env, conn: c}, nil
}

type mailSession struct {
	env  Env
	conn *smtp.Conn
	from string
	to   []string
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from, s.to = from, nil
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if local(to) == "bounce" {
		if err := s.env.Ledger.arrive(arrival{service: "mail", op: "send"}); err != nil {
			return refusal(451, err.Error())
		}
		return refusal(550, "no such user: bounce is refused by the stub")
	}
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	fault := s.env.Faults.take("mail", "send", nil)
	if fault.fails() && !fault.After {
		if err := s.env.Ledger.arrive(arrival{service: "mail", op: "send"}); err != nil {
			return refusal(451, err.Error())
		}
		wait(fault.Delay, nil, s.env.Done)
		return s.fail(fault)
	}
	out, err := s.accept(raw)
	wait(s.env.Latency+fault.Delay, nil, s.env.Done)
	switch {
	case err != nil:
		return refusal(451, err.Error())
	case fault.fails():
		return s.fail(fault)
	case out.status != http.StatusOK:
		return refusal(451, "try again: tempfail is refused twice by the stub")
	}
	return nil
}

// accept has the effect of one mail.
func (s *mailSession) accept(raw []byte) (outcome, error) {
	m, err := netmail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		m = &netmail.Message{Header: netmail.Header{}} // a mail without headers is accepted all the same
	}
	id := strings.Trim(strings.TrimSpace(m.Header.Get("Message-ID")), "<>")
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		subject = m.Header.Get("Subject")
	}
	ref := m.Header.Get("X-Order")
	if ref == "" {
		ref = id
	}
	a := arrival{service: "mail", op: "send", key: id}
	if id == "" {
		a.hash = hashOf("send", strings.Join(s.to, ","), raw)
	}
	return s.env.Ledger.apply(a, func(t turn) outcome {
		for _, to := range s.to {
			if local(to) == "tempfail" && t.try < 2 {
				return outcome{status: http.StatusServiceUnavailable}
			}
		}
		out := done(http.StatusOK, "send", ref, fields{"from": s.from, "to": s.to, "subject": subject, "message_id": id}, fields{"accepted": true})
		out.raw = raw[:min(len(raw), keptMail)]
		return out
	})
}

func (s *mailSession) fail(f Fault) error {
	if f.Down > 0 {
		return errors.Join(errors.New("down"), s.conn.Conn().Close())
	}
	return refusal(f.Status, fmt.Sprintf("mail answers %d as told", f.Status))
}

func (s *mailSession) Reset()        { s.from, s.to = "", nil }
func (s *mailSession) Logout() error { return nil }

func refusal(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

func local(address string) string {
	name, _, _ := strings.Cut(strings.ToLower(address), "@")
	return name
}
