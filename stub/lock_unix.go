//go:build darwin || linux || freebsd || netbsd || openbsd

package stub

import (
	"errors"
	"os"
	"syscall"
)

// lockFile makes the file this process's alone until it is closed; the death of the process releases it.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("in use by another process")
	}
	return err
}
