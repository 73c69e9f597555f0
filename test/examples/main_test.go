// Package examples tests what the folders of examples/ promise, with the real
// binary, real brokers and a real database. Each test runs a copy of an example
// whose names at the shared servers are its own.
package examples

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6") // they wait for brokers and for sessions of hubs that were killed, and compute little
	code := m.Run()
	client.CloseIdleConnections()
	if binary != "" {
		os.Remove(binary)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var binary string // of the hub, once it is built

var build = sync.OnceValues(func() (string, error) {
	binary = filepath.Join(os.TempDir(), fmt.Sprintf("hub-examples-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/hub")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

var lastPort atomic.Int64

// freePort is an address below the ports that the system gives to outgoing
// connections: it stays free while the hub that has it is restarted.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+(int64(os.Getpid())*43+lastPort.Add(1))%20000)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// env is a variable of the environment, or what holds without it.
func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// reachable ends the test when nothing listens at a server's address: skipped, but failed with HUB_TEST_SERVERS=1.
func reachable(t testing.TB, server, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
		return
	}
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf("no %s at %s", server, addr)
	}
	t.Skipf("no %s at %s", server, addr)
}

// hostOf is the host:port of a URL.
func hostOf(t testing.TB, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal("a server's URL is none")
	}
	return u.Host
}

// await waits until ok; report says more when it never is.
func await(t testing.TB, within time.Duration, what string, ok func() bool, report func() string) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s\n%s", within, what, report())
		}
	}
}
