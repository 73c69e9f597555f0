package system

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk is a file system of 24 MB, which goes with the test.
func smallDisk(t testing.TB, below string) string {
	t.Helper()
	dir := filepath.Join(below, "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small disk can't be mounted (it takes root): %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
