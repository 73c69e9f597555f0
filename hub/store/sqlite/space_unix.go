//go:build darwin || linux || freebsd

package sqlite

import (
	"errors"
	"syscall"
)

// diskSpace is the space that is left for this process where path lies, and all there is.
func diskSpace(path string) (free, all int64, known bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return 0, 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), true
}

// outOfSpace tells that err is for want of space: of the disk's, of a quota's, of a limit for files.
func outOfSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
