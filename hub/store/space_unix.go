//go:build darwin || linux || freebsd

package store

import "syscall"

// freeBytes is the space that is left for this process where path lies.
func freeBytes(path string) (int64, bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
