//go:build !unix

package files

import (
	"io/fs"
	"os"
)

const openFlags = 0

func links(fs.FileInfo) uint64 { return 1 }

// lock can't tell another process's folder: only one hub may read a folder on this system.
func lock(*os.File) bool { return true }

func diskFull(error) bool { return false }

func refusedForGood(err error) bool { return os.IsPermission(err) }

func noHardLinks(error) bool { return true }
