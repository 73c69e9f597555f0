// Package matrix tests that nothing is lost between any source and any target
// of the real binary while the links to both are broken in every way that networks break.
package matrix

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics' talk
	code := m.Run()
	kafkaOfAll.stop()
	if binary != "" {
		os.Remove(binary)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// sideBySide runs tests that wait more than they compute, so many at a time. It returns when all have ended.
func sideBySide[T any](atOnce int, all []T, run func(T)) {
	work := make(chan T)
	var group sync.WaitGroup
	for range min(atOnce, len(all)) {
		group.Go(func() {
			for one := range work {
				run(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	group.Wait()
}

var binary string // of the hub, once it is built

var build = sync.OnceValues(func() (string, error) {
	binary = filepath.Join(os.TempDir(), fmt.Sprintf("hub-matrix-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/hub")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

var lastPort atomic.Int64

// freePort is an address below the ports that the system gives to outgoing
// connections: it stays free while what listens there is down.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+(int64(os.Getpid())*41+lastPort.Add(1))%20000)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// missing ends a test whose server is not there: skipped, but failed with HUB_TEST_SERVERS=1.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("HUB_TEST_SERVERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// env is a variable of the environment, or what holds without it.
func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// reachable ends the test when nothing listens at a server's address.
func reachable(t testing.TB, server, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		missing(t, "no %s at %s", server, addr)
	}
	conn.Close()
}
