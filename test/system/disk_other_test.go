//go:build !linux

package system

import "testing"

// smallDisk is a file system of 24 MB.
func smallDisk(t testing.TB, _ string) string {
	t.Skip("a small disk is mounted on Linux only")
	return ""
}
