package sqlite

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
)

// private makes a database's files readable for their owner alone, as they are
// made: one that was restored or copied may be open to everybody.
func private(path string, log *slog.Logger) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case info.Mode().Perm()&0o077 == 0:
			continue
		}
		if err := os.Chmod(name, 0o600); err != nil {
			return err
		}
		log.Warn("the store was open to others on this machine, and is its owner's alone now", "file", name, "mode", info.Mode().Perm().String())
	}
	return nil
}
