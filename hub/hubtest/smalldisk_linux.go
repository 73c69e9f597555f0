package hubtest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk is a file system of 24 MB in a new folder below, which goes with the test. The test is skipped where none can be mounted.
func SmallDisk(t testing.TB, below string) string {
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
