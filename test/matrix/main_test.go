// Package matrix tests that nothing is lost between any source and any target
// of the real binary while the links to both are broken in every way that networks break.
package matrix

import (
	"net"
	"os"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"orderhub/hub/hubtest"
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics' talk
	hubtest.Main(m, kafkaOfAll.stop)
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
