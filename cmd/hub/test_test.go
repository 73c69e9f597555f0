package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/exit"
)

// output is what a verb has printed so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) await(t *testing.T, what string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		o.mu.Lock()
		text := o.b.String()
		o.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %q in\n%s", what, text)
		}
	}
}

const watched = `
adapters:
  web: {type: http-server}
channels:
  out: {type: direct}
pipelines:
  in: {from: {web: POST /}, steps: [{reply: 202}, {send: out}]}
tests:
  it: {do: [{post: in, body: order.json, expect: {out: {total: 20}}}]}
`

// TestWatch: the tests run again when a file of the configuration changes, also one that only a test names, until ^C.
func TestWatch(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("order.json", `{"total": 10}`)
	write("pipelines.yaml", watched)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, code := &output{}, make(chan int)
	go func() { code <- run(ctx, []string{"test", "--watch", dir}, strings.NewReader(""), out, out) }()
	out.await(t, "1 test, 1 failed")
	write("order.json", `{"total": 20}`)
	out.await(t, "ok    in")
	out.await(t, "────")
	write("pipelines.yaml", strings.Replace(watched, "web:", "wbe:", 1))
	out.await(t, `did you mean "wbe"?`)
	cancel()
	if got := <-code; got != exit.Interrupted {
		t.Errorf("exit code %d", got)
	}
}
