package httpserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

func request(t testing.TB, method, url string) *http.Request {
	t.Helper()
	return httptest.NewRequest(method, url, nil)
}

func codeOf(p *problem) string {
	if p == nil {
		return ""
	}
	return p.code
}

// asks is a handler that answers.
type asks hub.CallerFunc

func (a asks) Handle(ctx context.Context, m *hub.Message) error { _, err := a(ctx, m); return err }
func (a asks) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	return a(ctx, m)
}

func TestErrorsBecomeAnswers(t *testing.T) {
	const secret = "dial tcp 10.0.0.9: password=hunter2"
	throttled := func(reason string) error { return hub.Fail(hub.Throttled, reason, "x") }
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
	}{
		{"schema", &hub.Error{Class: hub.Invalid, Reason: "schema", Fields: []hub.FieldError{{Pointer: "/items/0", Detail: "must be > 0"}}}, 422, "schema", ""},
		{"syntax", &doc.SyntaxError{Code: "bad_json", Line: 3, Col: 14, Detail: "x"}, 400, "bad_json", ""},
		{"rejected", hub.Fail(hub.Rejected, "declined", "the card was declined"), 409, "declined", ""},
		{"named", hub.Fail("out_of_stock", "", "no more"), 409, "out_of_stock", ""},
		{"partner text", hub.Fail(hub.Rejected, "http_404", secret), 409, "http_404", ""},
		{"timeout", context.DeadlineExceeded, 504, "timeout", ""},
		{"unavailable", hub.Fail(hub.Unavailable, "connection", secret), 503, "connection", "5"},
		{"disk full", hub.Fail(hub.Unavailable, "disk_full", "x"), 507, "disk_full", "5"},
		{"throttled", &hub.Error{Class: hub.Throttled, Reason: "rate_limited", After: 1500 * time.Millisecond}, 429, "rate_limited", "2"},
		{"full", fmt.Errorf("orders: %w", hub.ErrFull), 503, "backlog_full", "1"},
		{"in progress", throttled("in_progress"), 409, "in_progress", "1"},
		{"key reused", throttled("idempotency_key_reused"), 422, "idempotency_key_reused", ""},
		{"bug", fmt.Errorf("%s", secret), 500, "bug", ""},
		{"not found", fmt.Errorf("order: %w", hub.ErrNotFound), 404, "not_found", ""},
		{"duplicate", hub.ErrDuplicate, 202, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, accept := range []string{"application/json", "text/html,*/*;q=0.8"} {
				addr := serveRoute(t, "POST /orders", &SourceConfig{}, hub.HandlerFunc(func(context.Context, *hub.Message) error { return c.err }), nil)
				req, _ := http.NewRequest("POST", "http://"+addr+"/orders", strings.NewReader(`{}`))
				req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {accept}, "Connection": {"close"}}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != c.status || resp.Header.Get("Retry-After") != c.retry || !strings.Contains(string(body), c.code) {
					t.Errorf("got %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
				}
				if strings.Contains(string(body), "hunter2") || resp.Header.Get("Hub-Trace") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("headers %v, body %s", resp.Header, body)
				}
			}
		})
	}
}

func TestReply(t *testing.T) {
	h := asks(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		if m.Headers["param.id"] != "W 1" || m.Headers["query.page"] != "2" || m.Headers["status"] != "" || m.Headers["authorization"] != "" {
			return nil, fmt.Errorf("headers %v", m.Headers)
		}
		if _, ok := ctx.Deadline(); !ok {
			return nil, fmt.Errorf("no deadline")
		}
		return &hub.Message{Headers: hub.Headers{"status": "201", "location": "/orders/W", "x-shop": "a", "set-cookie": "no", "x-bad": "a\r\nb: c"},
			Body: hub.NewBody([]byte(`{"ok":true}`))}, nil
	})
	addr := serveRoute(t, "POST /orders/{id}", &SourceConfig{}, h, nil)
	status, _, got := exchange(t, addr, "POST /orders/W%201?page=2 HTTP/1.1\r\nHost: x\r\nStatus: 500\r\nAuthorization: secret\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	if status != 201 || got.Get("Location") != "/orders/W" || got.Get("X-Shop") != "a" || got.Get("Set-Cookie") != "" || got.Get("X-Bad") != "" {
		t.Fatalf("%d %v", status, got)
	}
}

func TestPanicStaysInItsRequest(t *testing.T) {
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, hub.HandlerFunc(func(context.Context, *hub.Message) error { panic("boom") }), nil)
	for range 2 {
		if status, code, _ := exchange(t, addr, post("", `{}`)); status != 500 || code != "bug" {
			t.Fatalf("%d %s", status, code)
		}
	}
}

func TestGoneClientDoesNotCancel(t *testing.T) {
	inside, result := make(chan struct{}), make(chan error, 1)
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, hub.HandlerFunc(func(ctx context.Context, _ *hub.Message) error {
		close(inside)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
		result <- ctx.Err()
		return nil
	}), nil)
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+addr+"/orders", strings.NewReader(`{}`))
	req.Header.Set("Content-Type", "application/json")
	go func() { <-inside; cancel() }()
	if _, err := http.DefaultClient.Do(req); err == nil {
		t.Fatal("the client was not cancelled")
	}
	if err := <-result; err != nil {
		t.Fatalf("the handler was cancelled: %v", err)
	}
}

func TestSlowHandlerIsATimeout(t *testing.T) {
	h := hub.HandlerFunc(func(ctx context.Context, _ *hub.Message) error { <-ctx.Done(); return ctx.Err() })
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, h, func(c *Config) { c.Limits.WriteTimeout = time.Second })
	if status, code, _ := exchange(t, addr, post("", `{}`)); status != 504 || code != "timeout" {
		t.Fatalf("%d %s", status, code)
	}
}
