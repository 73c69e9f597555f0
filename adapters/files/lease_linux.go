package files

import (
	"os"
	"syscall"
)

// openToWrite tells that a program has the file open to write: the system gives nobody a lease on it then. A file that is not ours, and a
// file system without leases, tell nothing.
func openToWrite(f *os.File) bool {
	_, _, err := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_RDLCK)
	if err == 0 {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETLEASE, syscall.F_UNLCK)
	}
	return err == syscall.EAGAIN
}
