package smtp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// scripted is a mail server whose replies the test says, by the first word of what came; "." is the final dot, "" the greeting.
// A reply of "cut" closes the connection.
func scripted(t *testing.T, reply func(command string) string) (m *mailServer, dots *atomic.Int64) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { l.Close() })
	dots = &atomic.Int64{}
	answer := func(c net.Conn, command, otherwise string) bool {
		text := reply(command)
		if text == "" {
			text = otherwise
		}
		if text == "cut" {
			return false
		}
		_, err := fmt.Fprintf(c, "%s\r\n", text)
		return err == nil
	}
	serve := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewScanner(c)
		for ok := answer(c, "", "220 test"); ok && in.Scan(); {
			switch word, _, _ := strings.Cut(in.Text(), " "); word {
			case "EHLO":
				ok = answer(c, word, "250-test\r\n250 AUTH PLAIN")
			case "DATA":
				if ok = answer(c, word, "354 go on"); !ok || reply(word) != "" {
					continue
				}
				for in.Scan() && in.Text() != "." {
				}
				dots.Add(1)
				ok = answer(c, ".", "250 ok")
			default:
				ok = answer(c, word, "250 ok")
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return &mailServer{t: t, addr: l.Addr().String()}, dots
}

func mailTo(to string) *hub.Message {
	return message("m", `{"subject":"s","text":"t"}`, hub.Headers{"to": to})
}

// The answer to the final dot has its own time, far longer than that of all other answers.
func TestFault_B2_SlowAnswerToTheDot(t *testing.T) {
	m, dots := scripted(t, func(command string) string {
		if command == "." {
			time.Sleep(2500 * time.Millisecond)
		}
		return ""
	})
	if err := m.target("plain", func(c *Config) { c.Timeout = time.Second }).Send(t.Context(), mailTo("a@example.com")); err != nil || dots.Load() != 1 {
		t.Errorf("%d mails: %v", dots.Load(), err)
	}
	if c := defaultConfig(); c.Timeout < 5*time.Minute || c.ConfirmTimeout < 10*time.Minute {
		t.Errorf("the defaults are shorter than RFC 5321, 4.5.3.2 has them: %s, %s", c.Timeout, c.ConfirmTimeout)
	}
}

// A mail that may be delivered is ambiguous, whatever took the confirmation away; one that is not is no such thing.
func TestFault_B2_WhatIsAmbiguous(t *testing.T) {
	for _, c := range []struct{ command, reply, want, parked string }{
		{".", "cut", "timeout ambiguous", "rejected ambiguous"},
		{".", "what?", "timeout ambiguous", "rejected ambiguous"},
		{".", "354 go on", "timeout ambiguous", "rejected ambiguous"},
		{".", "251 forwarded", "", ""},
		{".", "451 later", "unavailable smtp_451", "unavailable smtp_451"},
		{"DATA", "cut", "unavailable connection_lost", "unavailable connection_lost"},
		{"RCPT", "cut", "unavailable connection_lost", "unavailable connection_lost"},
	} {
		for on, want := range map[hub.OnAmbiguous]string{hub.RetryAmbiguous: c.want, hub.ParkAmbiguous: c.parked} {
			m, _ := scripted(t, func(command string) string {
				if command == c.command {
					return c.reply
				}
				return ""
			})
			err := m.target("plain", func(cfg *Config) { cfg.OnAmbiguous = on }).Send(t.Context(), mailTo("a@example.com"))
			if (err != nil || want != "") && classOf(err) != want {
				t.Errorf("%s %q, %s: %s: %v", c.command, c.reply, on, classOf(err), err)
			}
		}
	}
}

// A hub that stops while a mail waits for its confirmation can't know either.
func TestFault_B2_StopWithinTheConfirmation(t *testing.T) {
	at := make(chan struct{})
	m, _ := scripted(t, func(command string) string {
		if command == "." {
			close(at)
			<-t.Context().Done()
		}
		return ""
	})
	ctx, stop := context.WithCancel(context.Background())
	go func() { <-at; stop() }()
	if err := m.target("plain", nil).Send(ctx, mailTo("a@example.com")); classOf(err) != "timeout ambiguous" {
		t.Errorf("%s: %v", classOf(err), err)
	}
}

// What the connection, the login or our own address is at fault for is never a mail's fault, in whatever phase the server says so.
func TestFault_B5_RepliesByPhase(t *testing.T) {
	for _, c := range []struct{ command, reply, want string }{
		{"", "554 no SMTP service here", "unavailable not_connected"},
		{"", "421 4.7.0 too many connections", "throttled smtp_421"},
		{"EHLO", "502 not implemented", "unavailable not_connected"},
		{"MAIL", "530 5.7.0 Authentication required", "unavailable auth_required"},
		{"MAIL", "530 5.7.0 Must issue a STARTTLS command first", "unavailable tls_required"},
		{"MAIL", "530 5.7.57 Client not authenticated to send mail", "unavailable auth_required"},
		{"MAIL", "503 5.5.1 Error: authentication needed", "unavailable auth_required"},
		{"MAIL", "550 5.7.1 sender not allowed", "unavailable sender_refused"},
		{"MAIL", "553 5.7.1 not owned by user", "unavailable sender_refused"},
		{"MAIL", "552 5.3.4 too large", "rejected smtp_552"},
		{"MAIL", "454 4.7.0 temporary authentication failure", "unavailable auth_failed"},
		{"MAIL", "452 4.3.1 no space", "unavailable smtp_452"},
		{"MAIL", "555 unknown parameter", "unavailable smtp_555"},
		{"RCPT", "530 5.7.1 Authentication required", "unavailable auth_required"},
		{"RCPT", "554 5.7.1 <a@example.com>: Relay access denied", "unavailable relay_denied"},
		{"RCPT", "550 5.7.1 Unable to relay", "unavailable relay_denied"},
		{"RCPT", "550 5.1.1 no such user", "rejected smtp_550"},
		{"RCPT", "501 5.1.3 bad address", "rejected smtp_501"},
		{"RCPT", "556 5.1.10 null MX", "rejected smtp_556"},
		{"RCPT", "503 bad sequence", "unavailable smtp_503"},
		{"DATA", "530 login first", "unavailable auth_required"},
		{"DATA", "554 no valid recipients", "rejected smtp_554"},
		{".", "535 5.7.8 credentials", "unavailable auth_failed"},
		{".", "523 5.7.10 encryption needed", "unavailable tls_required"},
		{".", "500 5.5.2 line too long", "rejected smtp_500"},
		{".", "552 5.3.4 too large", "rejected smtp_552"},
		{".", "554 5.7.1 spam", "rejected smtp_554"},
	} {
		m, _ := scripted(t, func(command string) string {
			if command == c.command || command == "HELO" && c.command == "EHLO" {
				return c.reply
			}
			return ""
		})
		if err := m.target("plain", nil).Send(t.Context(), mailTo("a@example.com")); classOf(err) != c.want {
			t.Errorf("%s %q: %s: %v", c.command, c.reply, classOf(err), err)
		}
	}
}

// Replies to a login: none is a mail's fault, none costs an attempt, and the next mails do not ask again at once, so that nobody is locked out.
func TestFault_B5_RefusedLogins(t *testing.T) {
	for _, reply := range []string{"535 5.7.8 credentials invalid", "534 5.7.9 mechanism too weak", "454 4.7.0 later", "432 4.7.12 password transition", "500 5.5.6 too long", "525 5.7.13 disabled", "550 no"} {
		var logins atomic.Int64
		m, _ := scripted(t, func(command string) string {
			if command == "AUTH" {
				logins.Add(1)
				return reply
			}
			return ""
		})
		target := m.target("plain", func(c *Config) { c.URL = hub.Secret("smtp://desk:s3cret@" + m.addr) })
		for range 50 {
			err := target.Send(t.Context(), mailTo("a@example.com"))
			if e := hub.AsError(err); classOf(err) != "unavailable auth_failed" || !e.Untried() {
				t.Fatalf("%s: %s: %v", reply, classOf(err), err)
			}
		}
		if n := logins.Load(); n > 3 {
			t.Errorf("%s: %d logins for 50 mails", reply, n)
		}
	}
}

// While the server is away mails wait, at no cost of attempts; once it is back, they go.
func TestFault_B5_ServerAway(t *testing.T) {
	m, dots := scripted(t, func(string) string { return "" })
	away := must(net.Listen("tcp", "127.0.0.1:0"))
	addr := away.Addr().String()
	away.Close()
	target := m.target("plain", func(c *Config) { c.URL = hub.Secret("smtp://" + addr) })
	for range 20 {
		err := target.Send(t.Context(), mailTo("a@example.com"))
		if e := hub.AsError(err); classOf(err) != "unavailable not_connected" || !e.Untried() || e.After > 4*time.Second {
			t.Fatalf("%s, again in %s: %v", classOf(err), e.After, err)
		}
	}
	if err := m.target("plain", nil).Send(t.Context(), mailTo("a@example.com")); err != nil || dots.Load() != 1 {
		t.Errorf("%d mails: %v", dots.Load(), err)
	}
}

// A header is never folded before its first word, whatever its length and script.
func TestFault_B10_HeadersAreNotFoldedAtOnce(t *testing.T) {
	m := serve(t, nil)
	for _, subject := range []string{"short", strings.Repeat("long ", 40), strings.Repeat("x", 900), "Bestellung " + strings.Repeat("ä", 200), strings.Repeat("注文", 60), "two  spaces", "a =?UTF-8?q?trap?="} {
		msg := message("m", `{"subject":"s","text":"t"}`, hub.Headers{"subject": strings.TrimSpace(subject),
			"to": (&mail.Address{Name: strings.Repeat("Jürgen ", 12), Address: "a@example.com"}).String() + ", b@" + strings.Repeat("long.", 20) + "example"})
		msg.Correlation = strings.Repeat("W", 150)
		target := m.target("plain", func(c *Config) { c.From = "Order desk <orders@" + strings.Repeat("long.", 20) + "example.com>" })
		if err := target.Send(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		raw := m.mails()[len(m.mails())-1].raw
		head, _, _ := strings.Cut(raw, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if name, value, _ := strings.Cut(line, ":"); line[0] != ' ' && strings.TrimSpace(value) == "" {
				t.Errorf("%.20q: %s is folded at once", subject, name)
			}
			if strings.Contains(line, "=?") && len(line) > 76 {
				t.Errorf("a line with encoded words of %d bytes: %s", len(line), line)
			}
		}
		parsed := must(mail.ReadMessage(bytes.NewReader([]byte(raw))))
		list := must(parsed.Header.AddressList("To"))
		if got := decoded(parsed.Header.Get("Subject")); got != strings.TrimSpace(subject) || list[0].Name != strings.Repeat("Jürgen ", 12) && list[0].Name != strings.TrimSpace(strings.Repeat("Jürgen ", 12)) {
			t.Errorf("subject %q, to %q", got, list[0].Name)
		}
	}
}

func decoded(text string) string { return must(new(mime.WordDecoder).DecodeHeader(text)) }
