package files

import (
	"context"
	"strings"
	"syscall"
	"testing"
)

func TestDiskFull(t *testing.T) { // row 57
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs to mount a small file system: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	target := openTarget(t, dir, "{id}")
	big := message("big", strings.Repeat("x", 200<<10), nil)
	if err := target.Send(context.Background(), big); reason(err) != "unavailable disk_full" {
		t.Errorf("got %v", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("half a file was left: %q", left)
	}
	if err := target.Send(context.Background(), message("small", "x", nil)); err != nil {
		t.Errorf("heals when there is room: %v", err)
	}
}

func TestPermission(t *testing.T) { // row 57
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("needs to mount a read-only file system: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	err := openTarget(t, dir, "{id}").Send(context.Background(), message("m", "x", nil))
	if reason(err) != "rejected permission" || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}
