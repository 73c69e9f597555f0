package httpserver

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// keeper keeps what is refused; as a handler it may panic.
type keeper struct {
	mu   sync.Mutex
	list []hub.Refusal
}

func (k *keeper) Kept(context.Context) error { return nil }
func (k *keeper) Refused(r hub.Refusal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, r)
}

func (k *keeper) Handle(_ context.Context, m *hub.Message) error {
	if string(m.Body.Bytes()) == `"panic"` {
		panic("a fault of ours")
	}
	return nil
}

func (k *keeper) take() []hub.Refusal {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.list
	k.list = nil
	return list
}

// TestFault_V1_AnswersAreKept: every answer that is no success is kept once under the trace_id that it tells, with its reason and class.
func TestFault_V1_AnswersAreKept(t *testing.T) {
	cfg := defaultConfig()
	cfg.Listen, cfg.Limits.MaxBody, cfg.Limits.MaxConnections = "127.0.0.1:0", 100, 1
	k := &keeper{}
	s, err := definition().New(cfg, &hub.Env{Name: "web", Refuser: k})
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.OpenSource("POST /orders", &SourceConfig{Consumes: []string{"application/json", "application/x-www-form-urlencoded"}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer secret")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		s.ServeHTTP(w, r)
		return w
	}
	check := func(w *httptest.ResponseRecorder, status int, class hub.Class, reason string) {
		t.Helper()
		list := k.take()
		if w.Code != status || len(list) != 1 || list[0].Class != class || list[0].Reason != reason {
			t.Errorf("%d %s, kept %+v; want %d %s %s", w.Code, w.Body, list, status, class, reason)
			return
		}
		if id := list[0].ID; id == "" || w.Header().Get("Hub-Trace") != id || !strings.Contains(w.Body.String(), `"trace_id":"`+id+`"`) {
			t.Errorf("kept as %q, told %s", id, w.Body)
		}
		if strings.Contains(list[0].Text+string(list[0].Head), "secret") {
			t.Errorf("a credential is kept: %+v", list[0])
		}
	}
	check(ask("POST", "/orders", `{}`), 503, hub.Unavailable, "not_ready") // nobody serves it
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- src.Run(ctx, k) }()
	for ask("GET", "/readyz", "").Code != 200 {
		time.Sleep(time.Millisecond)
	}
	check(ask("POST", "/orders", `{"a":`), 400, hub.Invalid, "bad_json")
	check(ask("POST", "/orders", `{"a":1,"a":2}`), 400, hub.Invalid, "duplicate_key")
	check(ask("POST", "/orders", ``), 400, hub.Invalid, "empty_body")
	check(ask("POST", "/orders", strings.Repeat("x", 200)), 413, hub.Invalid, "body_too_large")
	check(ask("POST", "/orders", `x`, "Content-Type", "text/csv"), 415, hub.Invalid, "unsupported_media_type")
	check(ask("POST", "/orders", `x`, "Content-Encoding", "gzip"), 400, hub.Invalid, "bad_gzip")
	check(ask("POST", "/orders", `"panic"`), 500, hub.Bug, "bug")
	check(ask("POST", "/nowhere?token=secret", `{}`), 404, hub.Invalid, "no_route")
	check(ask("POST", "/a/../orders", `{}`), 404, hub.Invalid, "no_route")
	check(ask("PUT", "/orders", `{}`), 405, hub.Invalid, "method_not_allowed")
	s.inFlight.Add(int64(cfg.Limits.MaxWaiting))
	check(ask("POST", "/orders", `{}`), 503, hub.Throttled, "backlog_full")
	s.inFlight.Add(-int64(cfg.Limits.MaxWaiting))
	if w := ask("POST", "/orders", `{}`); w.Code != http.StatusAccepted || len(k.take()) != 0 {
		t.Errorf("a good one: %d", w.Code)
	}
	addr, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(addr, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	var list []hub.Refusal
	for end := time.Now().Add(10 * time.Second); len(list) < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		list = append(list, k.take()...)
	}
	if len(list) != 2 || list[0].Reason != "too_many_connections" {
		t.Errorf("connections past the limit: %+v", list)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
