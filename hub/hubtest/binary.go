package hubtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

var binary string // of the hub, once it is built

// Binary is the path of the hub's binary, which is built once for all tests of a package whose TestMain calls Main.
var Binary = sync.OnceValues(func() (string, error) {
	binary = filepath.Join(os.TempDir(), fmt.Sprintf("hub-test-%d", os.Getpid()))
	if out, err := exec.Command("go", "build", "-o", binary, "orderhub/cmd/hub").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

// Main runs the tests of a package that runs the real binary, calls end, removes the binary, and fails where goroutines are left. It does not return.
func Main(m *testing.M, end ...func()) {
	code := m.Run()
	for _, f := range end {
		f()
	}
	if binary != "" {
		os.Remove(binary)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var lastPort atomic.Int64

// FreePort is an address below the ports that the system gives to outgoing
// connections: it stays free while what listens there is restarted.
func FreePort(t testing.TB) string {
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
