//go:build !linux

package hubtest

import "testing"

// SmallDisk is a file system of 24 MB: see that of Linux.
func SmallDisk(t testing.TB, _ string) string {
	t.Skip("a small disk is mounted on Linux only")
	return ""
}
