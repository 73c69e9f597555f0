package httpclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// ask calls line at a service that answers with h.
func ask(t *testing.T, h http.HandlerFunc, line string, m *hub.Message, change func(*Config)) (*hub.Message, *hub.Error) {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	return call(t, newClient(t, srv.URL, change), line, m)
}

func call(t *testing.T, c *Client, line string, m *hub.Message) (*hub.Message, *hub.Error) {
	t.Helper()
	defer c.Close(context.Background())
	caller, err := c.OpenCaller(line)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := caller.Call(context.Background(), m)
	if err != nil {
		return nil, hub.AsError(err)
	}
	return reply, nil
}

func message(body string) *hub.Message {
	return &hub.Message{ID: "m", Headers: hub.Headers{}, Body: hub.NewBody([]byte(body))}
}

func TestRequests(t *testing.T) {
	for _, c := range []struct{ line, body, want string }{
		{"POST /charges", `{"n":1}`, `POST /charges {"n":1}`},
		{"GET /products/{sku}", `{"sku":"A/1","page":2,"deep":{},"q":"a b"}`, `GET /products/A%2F1?page=2&q=a+b `},
		{"DELETE /orders/{id}", `{"id":7}`, `DELETE /orders/7 `},
		{"PUT /orders/{id}", `{"id":7,"n":1.50}`, `PUT /orders/7 {"id":7,"n":1.50}`},
		{"GET /a?b=1", `{"c":true}`, `GET /a?b=1&c=true `},
		{"GET /a", ``, `GET /a `},
	} {
		var got string
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, b)
		}, c.line, message(c.body), nil)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.line, got, c.want, err)
		}
	}
}

func TestRequestsThatCantBeSent(t *testing.T) {
	for _, c := range []struct {
		line, reason string
		m            *hub.Message
	}{
		{"GET /p/{sku}", "missing_param", message(`{"other":1}`)},
		{"GET /p/{sku}", "missing_param", message(`{"sku":".."}`)},
		{"GET /p/{sku}", "missing_param", message(`not json`)},
		{"POST /p", "header_injection", message(`{}`).WithHeader("idempotency-key", "a\r\nX-Evil: 1")},
	} {
		_, err := ask(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") }, c.line, c.m, nil)
		if err == nil || err.Class != hub.Invalid || err.Reason != c.reason {
			t.Errorf("%s: %v", c.line, err)
		}
	}
}

func TestClasses(t *testing.T) {
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(n)
			io.WriteString(w, "no\x1b[31m "+strings.Repeat("x", 1000))
		}
	}
	var bomb bytes.Buffer // made before the clock runs
	z := gzip.NewWriter(&bomb)
	z.Write(bytes.Repeat([]byte("0"), 2<<20))
	z.Close()
	answer := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		class  hub.Class
		reason string
		after  time.Duration
	}{
		{"400", status(400), hub.Rejected, "http_400", 0},
		{"404", status(404), hub.Rejected, "http_404", 0},
		{"408", status(408), hub.Timeout, "http_408", 7 * time.Second},
		{"425", status(425), hub.Timeout, "http_425", 7 * time.Second},
		{"429", status(429), hub.Throttled, "http_429", 7 * time.Second},
		{"500", status(500), hub.Unavailable, "http_500", 7 * time.Second},
		{"503", status(503), hub.Unavailable, "http_503", 7 * time.Second},
		{"504", status(504), hub.Timeout, "http_504", 7 * time.Second},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, hub.Rejected, "redirect", 0},
		{"bad JSON", answer("application/json", `{"a":1,"a":2}`), hub.Rejected, "bad_response", 0},
		{"too large", answer("text/plain", strings.Repeat("x", 70<<10)), hub.Rejected, "bad_response", 0},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		}, hub.Rejected, "bad_response", 0},
		{"many headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 5000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 20))
			}
		}, hub.Rejected, "bad_response", 0},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, hub.Timeout, "timeout", 0},
		{"drips", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, hub.Timeout, "timeout", 0},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, hub.Unavailable, "connection", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			patience := 20 * time.Second
			if c.reason == "timeout" {
				patience = 300 * time.Millisecond
			}
			_, err := ask(t, c.h, "POST /x", message(`{}`), func(cfg *Config) { cfg.Timeout, cfg.Limits.MaxResponse = patience, 64<<10 })
			if err == nil || err.Class != c.class || err.Reason != c.reason || err.After != c.after {
				t.Fatalf("%+v, want %s %s after %s", err, c.class, c.reason, c.after)
			}
			if text := err.Error(); len(text) > 700 || strings.Contains(text, "\x1b") {
				t.Errorf("the text has %d bytes: %q", len(text), text)
			}
		})
	}
}

// raw is a far end that speaks no HTTP of net/http.
func raw(t *testing.T, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			c.Read(buf)
			io.WriteString(c, text)
			c.Close()
		}
	}()
	return "http://" + ln.Addr().String()
}

func TestStrangeFarEnds(t *testing.T) {
	closed := raw(t, "")
	for _, c := range []struct {
		name, url string
		class     hub.Class
		reason    string
	}{
		{"101", raw(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), hub.Rejected, "bad_response"},
		{"1xx flood", raw(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("y", 2000)+"\r\n\r\n", 100)), hub.Rejected, "bad_response"},
		{"short answer", raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), hub.Rejected, "bad_response"}, // it was done, and nobody can read what came of it
		{"closed at once", closed, hub.Unavailable, "connection"},
		{"nobody there", "http://127.0.0.1:1", hub.Unavailable, "connection"},
		{"no such name", "http://nothing.invalid", hub.Unavailable, "connection"},
	} {
		_, err := call(t, newClient(t, c.url, nil), "POST /x", message(`{}`))
		if err == nil || err.Class != c.class || err.Reason != c.reason {
			t.Errorf("%s: %+v", c.name, err)
		}
	}
}

func TestForbiddenTarget(t *testing.T) {
	_, err := ask(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") }, "POST /x", message(`{}`), func(c *Config) { c.ForbidPrivate = true })
	if err == nil || err.Reason != "target_forbidden" || err.Class != hub.Rejected {
		t.Fatalf("%+v", err)
	}
}

func TestExpectAndSuccess(t *testing.T) {
	h := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(402)
		io.WriteString(w, `{"result":{"code":"expired"}}`)
	}
	for _, c := range []struct {
		want   string
		reason string
	}{{"expired", ""}, {"approved", "not_success"}} {
		reply, err := ask(t, h, "charge", message(`{}`), func(cfg *Config) {
			cfg.Ops = map[string]Op{"charge": {HTTP: "POST /c", Expect: []any{"402"}, SuccessIf: map[string]any{"result.code": c.want}}}
		})
		if c.reason == "" && (err != nil || reply.Headers["status"] != "402") || c.reason != "" && (err == nil || err.Reason != c.reason) {
			t.Errorf("%s: %v %v", c.want, reply, err)
		}
	}
}

func TestBreaker(t *testing.T) {
	var calls, status atomic.Int64
	status.Store(503)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); w.WriteHeader(int(status.Load())) }))
	defer srv.Close()
	c := newClient(t, srv.URL, func(c *Config) { c.Limits.CircuitBreaker = "3/2s" })
	status.Store(404)
	for range 5 {
		call(t, c, "POST /x", message(`{}`)) // a no is an answer
	}
	status.Store(503)
	for range 3 {
		call(t, c, "POST /x", message(`{}`))
	}
	_, err := call(t, c, "POST /x", message(`{}`))
	if err == nil || err.Reason != "breaker_open" || err.Class != hub.Unavailable || err.After <= 0 || err.After > 2*time.Second || calls.Load() != 8 {
		t.Fatalf("%+v after %d calls", err, calls.Load())
	}
	status.Store(200)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := call(t, c, "POST /x", message(`{}`)); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the breaker never closed")
		}
	}
}

func TestThrottle(t *testing.T) {
	var calls atomic.Int64
	h := func(http.ResponseWriter, *http.Request) { calls.Add(1) }
	srv := httptest.NewServer(http.HandlerFunc(h))
	defer srv.Close()
	c := newClient(t, srv.URL, func(c *Config) { c.Limits.Throttle, c.Timeout = "20/s", 20*time.Second })
	start := time.Now()
	for range 3 {
		if _, err := call(t, c, "POST /x", message(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 90*time.Millisecond {
		t.Errorf("three calls at 20/s took %s", took)
	}
	slow := newClient(t, srv.URL, func(c *Config) { c.Limits.Throttle, c.Timeout = "1/h", 300*time.Millisecond })
	call(t, slow, "POST /x", message(`{}`))
	before := calls.Load()
	_, err := call(t, slow, "POST /x", message(`{}`))
	if err == nil || err.Class != hub.Throttled || err.After < time.Minute || calls.Load() != before {
		t.Fatalf("%+v", err)
	}
}

func TestCloseDropsConnections(t *testing.T) {
	var open atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := newClient(t, srv.URL, nil)
	caller, _ := c.OpenCaller("POST /x")
	if _, err := caller.Call(context.Background(), message(`{}`)); err != nil || open.Load() != 1 {
		t.Fatalf("%v, %d connections", err, open.Load())
	}
	c.Close(context.Background())
	for deadline := time.Now().Add(20 * time.Second); open.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open after Close", open.Load())
		}
	}
}

// A key that can't stand in a line of text is written so that it can: it keeps no request from being sent.
func TestFault_M5_CorrelationInAHeader(t *testing.T) {
	for key, want := range map[string]string{"W-1": "W-1", "contract:C/1": "contract:C/1", "x\ny": "x%0Ay", "a\x00b": "a%00b", "\x1b[2J": "%1B[2J"} {
		got := ""
		m := message(`{}`)
		m.Correlation = key
		_, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("X-Correlation-Id")
			w.Write([]byte(`{}`))
		}, "POST /p", m, nil)
		if err != nil || got != want {
			t.Errorf("%q: %q, want %q, %v", key, got, want, err)
		}
	}
}

// An answer without what success_if looks at says nothing: it is no refusal, and what was asked may have been done.
func TestFault_M1_NoWordOfSuccess(t *testing.T) {
	for body, reason := range map[string]string{`{"ok":false}`: "not_success", `{"ok":"no"}`: "not_success", `{"status":"fine"}`: hub.BadResponse, `{"ok":null}`: hub.BadResponse,
		`{"ok":{"it":"is"}}`: hub.BadResponse, `[]`: hub.BadResponse, ``: hub.BadResponse, `"ok"`: hub.BadResponse, `{"ok":true}`: ""} {
		_, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		}, "charge", message(`{}`), func(cfg *Config) {
			cfg.Ops = map[string]Op{"charge": {HTTP: "POST /c", SuccessIf: map[string]any{"ok": true}}}
		})
		switch {
		case reason == "" && err != nil, reason != "" && (err == nil || err.Reason != reason || err.Class != hub.Rejected || err.InDoubt() != (reason == hub.BadResponse)):
			t.Errorf("%s: %v", body, err)
		}
	}
}
