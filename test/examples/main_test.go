// Package examples tests what the folders of examples/ promise, with the real
// binary, real brokers and a real database. Each test runs a copy of an example
// whose names at the shared servers are its own.
package examples

import (
	"flag"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6") // they wait for brokers and for sessions of hubs that were killed, and compute little
	hubtest.Main(m, client.CloseIdleConnections)
}

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

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
