//go:build !linux

package files

import "os"

// openToWrite would tell that a program has the file open to write; this system does not say.
func openToWrite(*os.File) bool { return false }
