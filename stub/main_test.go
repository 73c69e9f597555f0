package stub

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world starts partners that are closed, and checked for it, when the test ends.
func world(t *testing.T, o Options) *World {
	t.Helper()
	if o.Slow == 0 {
		o.Slow = 50 * time.Millisecond
	}
	if o.WebhookDelay == 0 {
		o.WebhookDelay = time.Millisecond
	}
	w, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeWorld(t, w) })
	return w
}

func closeWorld(t *testing.T, w *World) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Error("close:", err)
	}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) get(t *testing.T, field string) string {
	t.Helper()
	if !json.Valid([]byte(r.body)) {
		t.Fatalf("not JSON: %s", r.body)
	}
	return Effect{Data: []byte(r.body)}.Get(field)
}

func try(method, url, key, body string) (reply, error) {
	req, err := http.NewRequest(method, url, bytes.NewBufferString(body))
	if err != nil {
		return reply{}, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, err
}

func do(t *testing.T, method, url, key, body string) reply {
	t.Helper()
	r, err := try(method, url, key, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func post(t *testing.T, url, key, body string) reply {
	t.Helper()
	return do(t, http.MethodPost, url, key, body)
}

// await polls a condition of another goroutine.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never:", what)
		}
	}
}
