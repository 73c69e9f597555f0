//go:build darwin || linux || freebsd

package store

import "syscall"

// diskSpace is the space that is left for this process where path lies, and all there is.
func diskSpace(path string) (free, all int64, known bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return 0, 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), true
}
