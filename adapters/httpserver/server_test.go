package httpserver

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/units"
)

func newServer(t testing.TB, listen string) *Server {
	t.Helper()
	cfg := defaultConfig()
	cfg.Listen = listen
	s, err := definition().New(cfg, &hub.Env{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBusyPort(t *testing.T) {
	busy, err := net.Listen("tcp", ":8080")
	if err == nil {
		defer busy.Close()
	}
	if _, err := newServer(t, ":8080").Start(context.Background()); err == nil || !strings.Contains(err.Error(), ":8080 is used by another program") {
		t.Fatalf("an asked port that is busy: %v", err)
	}
	s := newServer(t, "")
	url, err := s.Start(context.Background())
	if err != nil || strings.HasSuffix(url, ":8080") {
		t.Fatalf("the next free port: %s %v", url, err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRouteThatNobodyServes(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	src, err := s.OpenSource("POST /orders", &SourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Header().Get("Retry-After")
	}
	if code, retry := ask("POST", "/orders"); code != 503 || retry == "" {
		t.Fatalf("before Run: %d, Retry-After %q", code, retry)
	}
	if code, _ := ask("GET", "/readyz"); code != 503 {
		t.Fatalf("readyz: %d", code)
	}
	if code, _ := ask("GET", "/livez"); code != 200 {
		t.Fatalf("livez: %d", code)
	}
	src.(*Source).Close()
	if code, _ := ask("POST", "/orders"); code != 404 {
		t.Fatalf("after Close: %d", code)
	}
}

func TestBadRoutes(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	for _, arg := range []string{"", "orders", "POST orders", "FETCH /orders", "POST /orders/{", "POST /{a}/{a}", "GET /livez", "POST example.com/x"} {
		if _, err := s.OpenSource(arg, &SourceConfig{}); err == nil {
			t.Errorf("%q was taken", arg)
		}
	}
	for i, arg := range []string{"POST /orders/{id}", "POST /orders/{id}", "POST /{kind}/1"} {
		if _, err := s.OpenSource(arg, &SourceConfig{}); (err == nil) != (i == 0) {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

func TestTooManyRequests(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	h := hub.HandlerFunc(func(context.Context, *hub.Message) error { inside <- struct{}{}; <-release; return nil })
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, h, func(c *Config) { c.Limits.MaxWaiting = 1 })
	first := make(chan int)
	go func() { status, _, _ := exchange(t, addr, post("", `{}`)); first <- status }()
	<-inside
	status, code, head := exchange(t, addr, post("", `{}`))
	if status != 503 || code != "backlog_full" || head.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", status, code, head)
	}
	close(release)
	if s := <-first; s != 202 {
		t.Errorf("the first: %d", s)
	}
}

func TestConnectionLimits(t *testing.T) {
	l := newLimitedListener(nil, 3, 2, true)
	loop, a, b := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i, want := range []bool{true, true, false} {
		if l.enter(a) != want {
			t.Errorf("the limit of one address does not hold at connection %d", i+1)
		}
	}
	for i, want := range []bool{true, false} {
		if l.enter(b) != want {
			t.Errorf("the limit of all does not hold at connection %d", i+3)
		}
	}
	l.leave(b)
	if !l.enter(loop) {
		t.Error("a place was not given back")
	}
}

// 200 slow senders must not stop a healthy one.
func TestSlowSendersDontStopOthers(t *testing.T) {
	k := newTaken()
	addr := serveRoute(t, "POST /orders", &SourceConfig{}, k, func(c *Config) { c.Limits.ReadTimeout = time.Minute })
	for range 200 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"))
	}
	start := time.Now() // exchange waits for less than a slow sender may take
	if status, _, _ := exchange(t, addr, post("", `{}`)); status != http.StatusAccepted {
		t.Fatalf("%d after %s", status, time.Since(start))
	}
}

// nowhere takes an answer and keeps nothing.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

type replay struct{ *strings.Reader }

func (replay) Close() error { return nil }

// BenchmarkPost is what the adapter costs beyond net/http: an 830-byte order, decoded, handled and answered.
func BenchmarkPost(b *testing.B) {
	s := newServer(b, "127.0.0.1:0")
	src, err := s.OpenSource("POST /orders", &SourceConfig{})
	if err != nil {
		b.Fatal(err)
	}
	reply := &hub.Message{Headers: hub.Headers{"status": "202"}, Body: hub.NewBody([]byte(`{"order":"W-1"}`))}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- src.Run(ctx, asks(func(context.Context, *hub.Message) (*hub.Message, error) { return reply, nil }))
	}()
	for s.routes.waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	line := `{"sku":"ABC-123","qty":2,"price":5.20,"name":"a thing of beauty","tags":["a","b"]}`
	body := `{"orderNumber":"W-1","user":{"id":7,"email":"a@example.com"},"total":15.60,"lines":[` + strings.Repeat(line+",", 8) + line + `]}`
	req := httptest.NewRequest("POST", "/orders", nil)
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}, "Idempotency-Key": {"W-1"}, "User-Agent": {"bench"}}
	req.ContentLength = int64(len(body))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req.Body = replay{strings.NewReader(body)}
		s.ServeHTTP(&nowhere{http.Header{}}, req)
	}
	cancel()
	<-done
}

// A client that connects and says nothing keeps nobody from closing.
func TestCloseWithSilentClients(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	url, err := s.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	res, err := http.Get(url + "/livez")
	if err != nil { // those before it are accepted
		t.Fatal(err)
	}
	res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second) // net/http gives up after 5
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func defaultConfig() *Config { return units.Defaults[Config]() }
