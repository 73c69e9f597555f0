package smtp

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"orderhub/hub"
	"orderhub/hub/escape"
)

// letter is a mail ready to be handed in.
type letter struct {
	from    string
	to      []string // all recipients
	utf8    bool     // an address is not ASCII: the server must know SMTPUTF8
	content []byte
}

// The headers of a message that make its mail.
const (
	headerTo      = "to"
	headerCC      = "cc"
	headerSubject = "subject"
	headerReplyTo = "reply-to-address"
)

// ignoredHeader tells that a mail takes nothing from a header of a step, and what to write instead.
func ignoredHeader(name string) (help string, ignored bool) {
	switch name {
	case headerTo, headerCC, headerSubject, headerReplyTo:
		return "", false
	}
	return "write to, cc, subject or reply-to-address beside the template, or put it into data:, for the template to show", true
}

// compose makes the mail of a message. It is the same at every attempt, but for its date.
func (t *Target) compose(m *hub.Message) (*letter, error) {
	lists := map[string][]*mail.Address{}
	for _, header := range []string{headerTo, headerCC, headerReplyTo} {
		list, err := parseList(header, m.Headers.Get(header))
		if err != nil {
			return nil, err
		}
		lists[header] = list
	}
	l := &letter{from: t.adapter.from.Address}
	if err := l.address(slices.Concat(lists[headerTo], lists[headerCC]), t.adapter.limit); err != nil {
		return nil, err
	}
	if len(lists[headerTo]) == 0 {
		return nil, hub.Fail(hub.Rejected, "bad_address", "to: there is no recipient")
	}
	content, err := t.texts(m)
	if err != nil {
		return nil, err
	}
	hash := hub.HashID(m.ID + "\x00" + t.template.name)
	b := t.headers(m, content.subject, lists)
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("hub_"+hash))
	g.SetDateWithValue(t.adapter.clock.Now())
	g.SetMessageIDWithValue(hash + "@" + domainOf(t.adapter.from))
	g.SetBodyString(gomail.TypeTextPlain, content.text)
	if content.html != "" {
		g.AddAlternativeString(gomail.TypeTextHTML, content.html)
	}
	if _, err := g.WriteTo(b); err != nil {
		return nil, hub.Fail(hub.Invalid, "bad_mail", "mail: %w", err)
	}
	l.content = bytes.Replace(b.Bytes(), []byte("\r\nMessage-ID:\r\n "), []byte("\r\nMessage-ID: "), 1) // of a long domain; the library folds it
	return l, nil
}

// headers writes those of the mail that tell people of it.
func (t *Target) headers(m *hub.Message, subject string, lists map[string][]*mail.Address) *bytes.Buffer {
	order := m.Correlation
	if unsafe(order) { // a key that can't stand in a header line is written so that it can
		order = escape.Segment(order)
	}
	var b bytes.Buffer
	writeHeader(&b, "From", addressWords([]*mail.Address{t.adapter.from}))
	for _, h := range [][2]string{{"To", headerTo}, {"Cc", headerCC}, {"Reply-To", headerReplyTo}} {
		if list := lists[h[1]]; len(list) > 0 {
			writeHeader(&b, h[0], addressWords(list))
		}
	}
	writeHeader(&b, "Subject", textWords(subject))
	writeHeader(&b, "Auto-Submitted", []string{"auto-generated"})
	if order != "" {
		writeHeader(&b, "X-Order", textWords(order))
		writeHeader(&b, "X-Correlation-ID", textWords(order))
	}
	return &b
}

// texts renders the template; the subject is that of the message if it has one.
func (t *Target) texts(m *hub.Message) (texts, error) {
	subject := m.Headers.Get(headerSubject)
	if unsafe(subject) {
		return texts{}, injection(headerSubject, subject)
	}
	v, err := m.Body.Doc()
	if err != nil {
		return texts{}, err
	}
	out, err := t.template.render(v.Any(), subject == "")
	if err != nil {
		return texts{}, err
	}
	if subject != "" {
		out.subject = subject
	}
	if unsafe(out.subject) {
		return texts{}, injection(headerSubject, out.subject)
	}
	return out, nil
}

// address sets the recipients, each once.
func (l *letter) address(all []*mail.Address, limit int) error {
	l.utf8 = !ascii(l.from)
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.Address] {
			continue
		}
		seen[a.Address] = true
		l.utf8 = l.utf8 || !ascii(a.Address)
		l.to = append(l.to, a.Address)
	}
	if len(l.to) > limit {
		return hub.Fail(hub.Rejected, "too_many_recipients", "to and cc: %d recipients, at most %d are allowed (max_recipients)", len(l.to), limit)
	}
	return nil
}

func domainOf(a *mail.Address) string { return a.Address[strings.LastIndexByte(a.Address, '@')+1:] }
