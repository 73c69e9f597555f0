package stub

import (
	"errors"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func send(w *World, to, id string) error {
	text := "From: shop@example.com\r\nTo: " + to + "\r\nSubject: =?utf-8?q?Your_order_=E2=9C=93?=\r\nX-Order: W-1\r\n"
	if id != "" {
		text += "Message-ID: <" + id + ">\r\n"
	}
	return smtp.SendMail(strings.TrimPrefix(w.URLs()["mail"], "smtp://"), nil, "shop@example.com", []string{to}, []byte(text+"\r\nHello <b>\r\n"))
}

func code(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

func TestMail(t *testing.T) {
	w := world(t, Options{})
	for range 2 { // the hub did not see the answer
		if err := send(w, "ada@example.com", "m1@hub"); err != nil {
			t.Fatal(err)
		}
	}
	effects := w.Ledger().Effects("mail", "send")
	if len(effects) != 1 || effects[0].Arrivals != 2 || effects[0].Ref != "W-1" || effects[0].Key != "m1@hub" ||
		effects[0].Get("subject") != "Your order ✓" || effects[0].Get("to") != `["ada@example.com"]` {
		t.Errorf("%+v", effects)
	}
	if err := send(w, "bounce@example.com", "m2"); code(err) != 550 {
		t.Errorf("bounce: %v", err)
	}
	for i, want := range []int{451, 451, 0} {
		if err := send(w, "tempfail@example.com", "m3"); code(err) != want || (want == 0 && err != nil) {
			t.Errorf("tempfail %d: %v", i, err)
		}
	}
	if n := w.Ledger().Count("mail", "send"); n != 2 {
		t.Errorf("%d mails", n)
	}
	root := strings.TrimSuffix(w.URLs()["billing"], "/billing")
	if r := do(t, "GET", root+"/mail", "", ""); !strings.Contains(r.body, "Your order ✓") || !strings.Contains(r.body, `href="/mail/2"`) {
		t.Error(r.body)
	}
	if r := do(t, "GET", root+"/mail/1", "", ""); !strings.Contains(r.body, "Hello <b>") || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%+v", r)
	}
	if r := do(t, "GET", root+"/mail/9", "", ""); r.status != 404 {
		t.Errorf("%+v", r)
	}
}

func TestMailFaults(t *testing.T) {
	w := world(t, Options{})
	w.Fault(Fault{Service: "mail", Status: 452, Times: 1})
	if err := send(w, "ada@example.com", "m1"); code(err) != 452 {
		t.Error(err)
	}
	w.Fault(Fault{Service: "mail", Down: time.Hour, Times: 1})
	if err := send(w, "ada@example.com", "m1"); err == nil {
		t.Error("sent to a server that is down")
	}
	if n := w.Ledger().Count("mail", ""); n != 0 {
		t.Errorf("%d mails", n)
	}
	w.Fault(Fault{Service: "mail", Down: time.Hour, Times: 1, After: true})
	if err := send(w, "ada@example.com", "m1"); err == nil || w.Ledger().Count("mail", "send") != 1 {
		t.Error("the answer should be lost, the mail not:", err)
	}
	if err := send(w, "ada@example.com", "m1"); err != nil || w.Ledger().Count("mail", "send") != 1 {
		t.Error(err)
	}
}

func TestCloseWithAnOpenMailConnection(t *testing.T) {
	w := world(t, Options{})
	c, err := smtp.Dial(strings.TrimPrefix(w.URLs()["mail"], "smtp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	closeWorld(t, w)
	if err := c.Noop(); err == nil {
		t.Error("the connection lives on")
	}
}
