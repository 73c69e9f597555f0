// Package partners connects the hub with the partners of the pages in
// docs/partners/, by the YAML that stands there and by nothing else. Each
// partner is a stub that takes no request but those that the real one documents.
package partners

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
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
	binary = filepath.Join(os.TempDir(), fmt.Sprintf("hub-partners-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/hub")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})
