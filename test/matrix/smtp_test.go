package matrix

import (
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail server that counts the mails by their subjects.
type mailbox struct {
	arrived *tally
	full    *atomic.Bool // it takes no mail now, and says so
}

func (b mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return b, nil }
func (mailbox) Mail(string, *smtp.MailOptions) error          { return nil }
func (mailbox) Reset()                                        {}
func (mailbox) Logout() error                                 { return nil }

// Rcpt takes the recipient, unless the mailbox is full.
func (b mailbox) Rcpt(string, *smtp.RcptOptions) error {
	if b.full.Load() {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "mailbox full"}
	}
	return nil
}

// Data takes a mail; one that was cut is an error of the reader.
func (b mailbox) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	b.arrived.add(m.Header.Get("Subject"), false)
	return nil
}

// smtpTarget parks what may have been delivered, so that a person, here the test, decides: the other choice tries it again after half an hour.
func smtpTarget(t testing.TB, c *cell) target {
	out := mailTarget(t, c, &atomic.Bool{})
	out.adapter = strings.TrimSuffix(out.adapter, "}") + ", on_ambiguous: park}"
	out.parks = true
	return out
}

func mailTarget(t testing.TB, c *cell, full *atomic.Bool) target {
	arrived := newTally()
	server := smtp.NewServer(mailbox{arrived, full})
	server.Domain, server.ReadTimeout, server.WriteTimeout = "localhost", time.Minute, time.Minute
	server.ErrorLog = silent{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	templates := filepath.Join(c.dir, "templates")
	if err := os.Mkdir(templates, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(templates, "note.txt"), []byte("Subject: {{.id}}\n\n{{.pad}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLink(t, "", listener.Addr().String())
	return target{adapter: fmt.Sprintf("{type: smtp, url: %q, templates: %q}", "smtp://"+l.addr, templates), step: `send: {out: note, to: a@example.com}`,
		link: l, count: arrived.count}
}

// silent drops what the server logs of connections that were cut.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
