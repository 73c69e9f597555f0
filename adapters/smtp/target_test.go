package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	smtpd "github.com/emersion/go-smtp"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/hubtest"
	"orderhub/hub/mask"
)

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

func TestDelivery(t *testing.T) {
	m := serve(t, nil)
	target := m.target("order-status", nil)
	msg := message("in.7", `{"order_id":"W-1","name":"Jörg <b>","total":15.6,"placed":"2026-01-31T12:00:00Z"}`,
		hub.Headers{"to": `Jörg <joerg@example.com>, second@bücher.example`, "cc": "desk@example.com, joerg@example.com", "reply-to-address": "help@example.com"})
	msg.Correlation = "W-1"
	for range 2 {
		if err := target.Send(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	got := m.mails()
	if len(got) != 2 || got[0].from != "orders@localhost" || fmt.Sprint(got[0].to) != "[joerg@example.com second@xn--bcher-kva.example desk@example.com]" {
		t.Fatalf("got %+v", got)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(got[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	h := parsed.Header
	subject := must(new(mime.WordDecoder).DecodeHeader(h.Get("Subject")))
	if subject != "Bestellung W-1 für JÖRG <B>" || !strings.Contains(h.Get("Subject"), "=?UTF-8?q?") {
		t.Errorf("subject %q, on the wire %q", subject, h.Get("Subject"))
	}
	if h.Get("X-Order") != "W-1" || h.Get("X-Correlation-Id") != "W-1" || h.Get("Reply-To") != "<help@example.com>" || h.Get("Auto-Submitted") == "" {
		t.Errorf("headers %v", h)
	}
	again := must(mail.ReadMessage(strings.NewReader(got[1].raw)))
	if id := h.Get("Message-Id"); !strings.HasSuffix(id, "@localhost>") || id != again.Header.Get("Message-Id") {
		t.Errorf("Message-ID %q, then %q", id, again.Header.Get("Message-Id"))
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	text := must(io.ReadAll(must(parts.NextPart())))
	html := must(io.ReadAll(must(parts.NextPart())))
	if want := "Guten Tag Jörg <b>,\r\n.\r\nSumme €15.60, bestellt am 2026-01-31.\r\n"; string(text) != want {
		t.Errorf("text %q", text)
	}
	contains(t, string(html), "Guten Tag Jörg &lt;b&gt;, Summe <b>€15.60</b>")
}

func TestBodies(t *testing.T) { // row 60
	m := serve(t, nil)
	target := m.target("plain", nil)
	for _, c := range []struct{ text, want string }{
		{"a\n.\n..\nb", "a\r\n.\r\n..\r\nb\r\n"},
		{".", ".\r\n"},
		{strings.Repeat("x", 5000), strings.Repeat("x", 5000) + "\r\n"},
		{"bare\rCR and\nLF\r\n.\r\nMAIL FROM:<evil@example.com>", "bare\r\nCR and\r\nLF\r\n.\r\nMAIL FROM:<evil@example.com>\r\n"},
		{"ümläut ✓", "ümläut ✓\r\n"},
	} {
		body := fmt.Sprintf(`{"subject":"s","text":%q}`, c.text)
		if err := target.Send(t.Context(), message("m", body, hub.Headers{"to": "a@example.com"})); err != nil {
			t.Fatal(err)
		}
		got := m.mails()
		raw := got[len(got)-1].raw
		for line := range strings.SplitSeq(raw, "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line of %d bytes, or with a bare CR or LF: %.50q", len(line), line)
			}
		}
		parsed := must(mail.ReadMessage(strings.NewReader(raw)))
		text := string(must(io.ReadAll(quotedprintable.NewReader(parsed.Body))))
		if text != c.want {
			t.Errorf("got %.200q\nwant %.200q", text, c.want)
		}
	}
	if n := len(m.mails()); n != 5 {
		t.Errorf("%d mails: a body smuggled one in", n)
	}
}

func TestInjection(t *testing.T) { // rows 58, 59: refused before any connection
	m := serve(t, nil)
	target := m.target("plain", func(c *Config) { c.MaxRecipients = 3 })
	ok := `{"subject":"s","text":"t"}`
	for _, c := range []struct {
		body    string
		headers hub.Headers
		want    string
		names   string
	}{
		{ok, hub.Headers{"to": "a@example.com\r\nBcc: x@example.com"}, "rejected header_injection", "to"},
		{ok, hub.Headers{"to": "a@example.com", "cc": "b@example.com\n"}, "rejected header_injection", "cc"},
		{ok, hub.Headers{"to": "a@example.com", "subject": "x\r\nBcc: y@example.com"}, "rejected header_injection", "subject"},
		{ok, hub.Headers{"to": "a@example.com", "reply-to-address": "b@example.com\r\n"}, "rejected header_injection", "reply-to-address"},
		{ok, hub.Headers{"to": "=?utf-8?q?a=0D=0ABcc=3A_x?= <a@example.com>"}, "rejected header_injection", "to"},
		{`{"subject":"x\r\nBcc: y@example.com","text":"t"}`, hub.Headers{"to": "a@example.com"}, "rejected header_injection", "subject"},
		{ok, hub.Headers{}, "rejected bad_address", "no recipient"},
		{ok, hub.Headers{"to": "a@example.com, nobody, b@example.com"}, "rejected bad_address", `"nobody"`},
		{ok, hub.Headers{"to": "a@exa_mple..com"}, "rejected bad_address", "exa_mple"},
		{ok, hub.Headers{"to": "a@x.example,b@x.example,c@x.example,d@x.example"}, "rejected too_many_recipients", "4 recipients"},
		{`{"subject":"s"}`, hub.Headers{"to": "a@example.com"}, "invalid bad_template_data", "text"},
		{`{`, hub.Headers{"to": "a@example.com"}, "", "unexpected"},
	} {
		err := target.Send(t.Context(), message("m", c.body, c.headers))
		if c.want == "" {
			if hub.AsError(err).Class != hub.Invalid {
				t.Errorf("%v: %v", c.body, err)
			}
			continue
		}
		if classOf(err) != c.want || !strings.Contains(err.Error(), c.names) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%v: %s, %v", c.headers, classOf(err), err)
		}
	}
	if m.sessions != 0 {
		t.Errorf("%d connections", m.sessions)
	}
}

func answer(code int, enhanced ...int) error {
	e := smtpd.EnhancedCode{code / 100, 0, 0}
	copy(e[:], enhanced)
	return &smtpd.SMTPError{Code: code, EnhancedCode: e, Message: "no"}
}

func TestAnswers(t *testing.T) { // row 61
	m := serve(t, nil)
	target := m.target("plain", nil)
	send := func() error {
		return target.Send(context.Background(), message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com,b@example.com"}))
	}
	for _, c := range []struct {
		mail, rcpt, data error
		want             string
	}{
		{mail: answer(421), want: "unavailable smtp_421"},
		{mail: answer(421, 4, 7, 28), want: "throttled smtp_421"},
		{mail: answer(450), want: "unavailable smtp_450"},
		{mail: answer(550), want: "unavailable sender_refused"},
		{rcpt: answer(450), want: "unavailable smtp_450"},
		{rcpt: answer(550), want: "rejected smtp_550"},
		{rcpt: answer(421, 4, 7, 0), want: "throttled smtp_421"},
		{data: answer(451), want: "unavailable smtp_451"},
		{data: answer(554), want: "rejected smtp_554"},
		{data: answer(421), want: "unavailable smtp_421"},
	} {
		m.mu.Lock()
		m.mailErr, m.dataErr = c.mail, c.data
		m.rcptErr["b@example.com"] = c.rcpt
		m.mu.Unlock()
		err := send()
		if classOf(err) != c.want {
			t.Errorf("%+v: %s: %v", c, classOf(err), err)
		}
		if c.rcpt != nil && !strings.Contains(err.Error(), "b@example.com") {
			t.Errorf("does not name the recipient: %v", err)
		}
		m.mu.Lock()
		m.mailErr, m.dataErr, m.rcptErr["b@example.com"] = nil, nil, nil
		before := len(m.got)
		m.mu.Unlock()
		if err := send(); err != nil || len(m.mails()) != before+1 {
			t.Errorf("after %s: %v, %d mails", c.want, err, len(m.mails())-before)
		}
	}
}

func TestAmbiguous(t *testing.T) { // row 61: cut after the dot
	m := serve(t, nil)
	m.cut = true
	target := m.target("plain", nil)
	msg := message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})
	if err := target.Send(t.Context(), msg); classOf(err) != "timeout ambiguous" {
		t.Errorf("%s: %v", classOf(err), err)
	}
	if len(m.mails()) != 1 {
		t.Errorf("%d mails", len(m.mails()))
	}
}

func TestTimeouts(t *testing.T) {
	m := serve(t, nil)
	m.stall = make(chan struct{})
	defer close(m.stall)
	msg := message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})
	if err := m.target("plain", func(c *Config) { c.ConfirmTimeout = 200 * time.Millisecond }).Send(t.Context(), msg); classOf(err) != "timeout ambiguous" {
		t.Errorf("no answer to the dot: %s: %v", classOf(err), err)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0")) // accepts, never greets
	defer l.Close()
	mute := &mailServer{t: t, addr: l.Addr().String()}
	start := time.Now()
	if err := mute.target("plain", func(c *Config) { c.Timeout = 200 * time.Millisecond }).Send(t.Context(), msg); classOf(err) != "unavailable not_connected" || time.Since(start) > 20*time.Second {
		t.Errorf("no greeting: %s: %v", classOf(err), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mute.target("plain", nil).Send(ctx, msg); err == nil {
		t.Error("an ended context sends nothing")
	}
	l.Close()
	if err := mute.target("plain", nil).Send(t.Context(), msg); classOf(err) != "unavailable not_connected" {
		t.Errorf("nobody there: %s: %v", classOf(err), err)
	}
}

func TestTLS(t *testing.T) { // row 62
	msg := message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})
	dir := t.TempDir()
	cert, ca := *hubtest.Certificate(t, nil, dir, "ca"), filepath.Join(dir, "ca.pem")
	with := func(s *smtpd.Server) { s.TLSConfig = tlsConfig(cert) }
	for _, c := range []struct {
		name   string
		server func(*smtpd.Server)
		change func(*Config)
		want   string
		tls    bool
	}{
		{"loopback", nil, nil, "", false},
		{"not offered", nil, func(c *Config) { c.TLS = "starttls" }, "unavailable tls_required", false},
		{"bad certificate", with, func(c *Config) { c.TLS = "starttls" }, "unavailable tls_required", false},
		{"trusted", with, func(c *Config) { c.TLS, c.CA = "starttls", ca }, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := serve(t, c.server)
			err := m.target("plain", c.change).Send(t.Context(), msg)
			if classOf(err) != c.want {
				t.Errorf("%s: %v", classOf(err), err)
			}
			if got := m.mails(); c.want == "" && (len(got) != 1 || got[0].tls != c.tls) || c.want != "" && len(got) != 0 {
				t.Errorf("mails %+v", got)
			}
		})
	}
	cfg, told := defaultConfig(), &figures.Set{}
	cfg.URL, cfg.TLS, cfg.CA = hub.Secret("smtp://"+serve(t, with).addr), "starttls", ca
	a := must(Component().Open(cfg, &hub.Env{Name: "mail"}))
	defer a.Close(t.Context())
	if err := errors.Join(a.Probe(t.Context()), a.Figures(t.Context(), told)); err != nil {
		t.Error(err)
	}
	if end := told.Snapshot().Sum(figures.Expiry, "mail", "127.0.0.1"); end != float64(cert.Leaf.NotAfter.Unix()) {
		t.Errorf("the server's certificate ends at %v, told is %v", cert.Leaf.NotAfter, end)
	}
	if s := must(parseURL("smtp://mail.example.com", tlsAuto)); !s.starttls || s.addr != "mail.example.com:587" {
		t.Errorf("STARTTLS must be required from another host: %+v", s)
	}
	if s := must(parseURL("smtps://mail.example.com", tlsAuto)); !s.implicit || s.addr != "mail.example.com:465" {
		t.Errorf("%+v", s)
	}
}

func TestLogin(t *testing.T) {
	m := serve(t, nil)
	msg := message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})
	if err := m.target("plain", func(c *Config) { c.URL = hub.Secret("smtp://desk:s3cret@" + m.addr) }).Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if got := m.mails(); len(got) != 1 || got[0].user != "desk" {
		t.Errorf("got %+v", got)
	}
	wrong := "smtp://desk:wr0ng@" + m.addr
	err := m.target("plain", func(c *Config) { c.URL = hub.Secret(wrong) }).Send(t.Context(), msg)
	var mask mask.Masker
	mask.HideURL(wrong, "url")
	if text := mask.Text(fmt.Sprint(err)); classOf(err) != "unavailable auth_failed" || !strings.HasSuffix(text, "not [url]") {
		t.Errorf("%s: %s", classOf(err), text)
	}
	for _, url := range []hub.Secret{"http://u:s3cret@h", "smtp://u:s3cret@", "smtp://u:s3cret@h:x", "smtp://u:s3%zzcret@h", "smtp://u:s3cret@h/x?y"} {
		cfg := defaultConfig()
		cfg.URL = url
		if faults := Component().Check(cfg, &hub.Env{}); len(faults) != 1 || faults[0].Path != "url" || strings.Contains(fmt.Sprint(faults), "cret") {
			t.Errorf("faults %v", faults)
		}
		if _, err := Component().Open(cfg, &hub.Env{Name: "mail"}); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%v", err)
		}
	}
	cfg := defaultConfig()
	cfg.URL, cfg.TLS = "smtp://u:s3cret@mail.example.com", "none"
	if faults := Component().Check(cfg, &hub.Env{}); len(faults) != 1 || faults[0].Path != "tls" {
		t.Errorf("a password must not go unencrypted: %v", faults)
	}
}

func TestSessionsAreKept(t *testing.T) {
	m := serve(t, nil)
	a := m.open(nil)
	target := must(a.OpenTarget("plain"))
	const mails = 600
	start := time.Now()
	var wg sync.WaitGroup
	for w := range 12 {
		wg.Go(func() {
			for i := range mails / 12 {
				if err := target.Send(t.Context(), message(fmt.Sprint(w, i), `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%.0f mails/s on %d sessions", mails/time.Since(start).Seconds(), m.sessions)
	if len(m.mails()) != mails || m.sessions > maxSessions {
		t.Errorf("%d mails on %d sessions", len(m.mails()), m.sessions)
	}
	for _, s := range a.pool.idle { // the server hangs up on the idle ones: the next mail finds out, and nobody else
		s.drop()
	}
	if err := target.Send(t.Context(), message("next", `{"subject":"s","text":"t"}`, hub.Headers{"to": "a@example.com"})); err != nil {
		t.Errorf("a session that ended while idle must not fail a mail: %v", err)
	}
}
