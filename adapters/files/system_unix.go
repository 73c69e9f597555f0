//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep an open from following a link and from waiting for the far end of a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// links is the number of names of a file.
func links(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// lock takes an opened file or folder for this process alone until it is closed; the system frees it when the process dies.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func refusedForGood(err error) bool {
	return os.IsPermission(err) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EFBIG)
}

func noHardLinks(err error) bool {
	return errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM)
}
