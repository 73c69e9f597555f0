package main

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/exit"
)

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newListener() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// launch runs the hub as a process of its own, until it says that it is ready.
func (s *site) launch(t *testing.T) (*exec.Cmd, *syncBuffer) {
	t.Helper()
	talk := &syncBuffer{}
	cmd := exec.Command(filepath.Join(hubBinary(t), "hub"), "run", s.config, "--hub", s.dir)
	cmd.Stdout, cmd.Stderr = talk, talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	await(t, "the process is ready", func() bool { return strings.Contains(talk.String(), "ready in ") })
	return cmd, talk
}

// end sends a signal and gives the exit code.
func end(t *testing.T, cmd *exec.Cmd, signals ...syscall.Signal) int {
	t.Helper()
	for _, sig := range signals {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // or the kernel makes one of two
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func TestSignals(t *testing.T) {
	s := newSite(t, shop)
	cmd, talk := s.launch(t)
	has(t, talk.String(), "store     sqlite:"+filepath.Join(s.dir, "hub.db")+" (new)", "web       http://127.0.0.1:", "control   "+s.dir)
	if code := end(t, cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit %d\n%s", code, talk)
	}
	cmd, _ = s.launch(t)
	s.write(strings.Replace(shop, "name: shop", "name: store", 1))
	cmd.Process.Signal(syscall.SIGHUP)
	await(t, "SIGHUP reloads", func() bool { return strings.Contains(s.hub(0, "status"), "store  "+s.config) })
	if code := end(t, cmd, syscall.SIGKILL); code != -1 {
		t.Errorf("SIGKILL: exit %d", code)
	}
	if !config.Exists(filepath.Join(s.dir, "hub.sock")) {
		t.Error("a killed hub leaves its socket: the test proves nothing without")
	}
	cmd, talk = s.launch(t) // the stale socket is replaced
	has(t, s.hub(0, "status"), "up ")
	if code := end(t, cmd, syscall.SIGINT); code != 0 {
		t.Errorf("SIGINT: exit %d\n%s", code, talk)
	}
}

const slow = `
hub: {store: "sqlite:STORE", drain: 1h}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  far: {type: http-client, url: "http://FAR", ops: {ask: POST /}, timeout: 5m}
channels:
  orders: {type: direct}
pipelines:
  intake: {from: {web: POST /orders}, steps: [{reply: 202}, {send: orders}]}
  work: {from: orders, steps: [{call: far.ask, with: {id: =body.id}, timeout: 5m}]}
`

// TestSecondSignal: one signal waits for work in flight, a second one does not.
func TestSecondSignal(t *testing.T) {
	far, err := newListener() // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	s := newSite(t, strings.Replace(slow, "FAR", far.Addr().String(), 1))
	cmd, _ := s.launch(t)
	s.hub(0, "send", "intake", `{"id":1}`)
	call, err := far.Accept() // now the call is on its way
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	// two different ones: equal signals that come close together are one
	if code := end(t, cmd, syscall.SIGTERM, syscall.SIGINT); code != exit.Interrupted {
		t.Errorf("exit %d, expected %d", code, exit.Interrupted)
	}
}
