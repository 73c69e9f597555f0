package httpclient

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

var contractFeatures = hubtest.Features{
	Once:    true,
	Headers: []string{"content-type", "idempotency-key", "traceparent"},
	Classes: []hub.Class{hub.Rejected, hub.Timeout, hub.Unavailable, hub.Throttled},
}

func TestTargetContract(t *testing.T) {
	hubtest.Target(t, contractFeatures, func(t *testing.T) hubtest.TargetFar { return &serviceFar{} })
}

func TestCallerContract(t *testing.T) {
	hubtest.Caller(t, contractFeatures, func(t *testing.T) hubtest.CallerFar { return &callerFar{} })
}

var statusOf = map[hub.Class]int{hub.Rejected: 404, hub.Timeout: 504, hub.Unavailable: 503, hub.Throttled: 429}

// serviceFar is a real HTTP service that applies each Idempotency-Key once.
type serviceFar struct {
	mu     sync.Mutex
	got    []*hub.Message
	broken hub.Class
	answer func(*hub.Message) (*hub.Message, error)
}

func (f *serviceFar) open(t *testing.T) *Client {
	srv := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(srv.Close)
	return newClient(t, srv.URL, nil)
}

func (f *serviceFar) Open(t *testing.T) hub.Target {
	target, err := f.open(t).OpenTarget("POST /in")
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func (f *serviceFar) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m := &hub.Message{Headers: hub.Headers{}, Body: hub.NewBody(body)}
	for k := range r.Header {
		m.Headers[strings.ToLower(k)] = r.Header.Get(k)
	}
	f.mu.Lock()
	broken, answer := f.broken, f.answer
	key := m.Headers[hub.HeaderIdempotency]
	again := key != "" && slices.ContainsFunc(f.got, func(o *hub.Message) bool { return o.Headers[hub.HeaderIdempotency] == key })
	if broken == "" && answer == nil && !again {
		f.got = append(f.got, m)
	}
	f.mu.Unlock()
	if broken != "" {
		w.WriteHeader(statusOf[broken])
		return
	}
	if answer == nil {
		return
	}
	reply, err := answer(m)
	if err != nil {
		w.WriteHeader(statusOf[hub.AsError(err).Class])
		return
	}
	w.Header().Set("Content-Type", reply.Headers[hub.HeaderContentType])
	w.Write(reply.Body.Bytes())
}

func (f *serviceFar) Got(*testing.T) []*hub.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func (f *serviceFar) Break(_ *testing.T, c hub.Class) { f.mu.Lock(); f.broken = c; f.mu.Unlock() }
func (f *serviceFar) Heal(*testing.T)                 { f.mu.Lock(); f.broken = ""; f.mu.Unlock() }

// callerFar is serviceFar, opened as a caller.
type callerFar struct{ serviceFar }

func (f *callerFar) Open(t *testing.T) hub.Caller {
	caller, err := f.open(t).OpenCaller("POST /in")
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

func (f *callerFar) Serve(_ *testing.T, answer func(*hub.Message) (*hub.Message, error)) {
	f.answer = answer
}

// newClient makes a client of url that is closed with the test.
func newClient(t *testing.T, url string, change func(*Config)) *Client {
	t.Helper()
	cfg := defaultConfig()
	cfg.URL = url
	cfg.Timeout = 5 * time.Second
	if change != nil {
		change(cfg)
	}
	c, err := definition().New(cfg, &hub.Env{Name: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}
