package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"orderhub/hub/store"
	"orderhub/hub/store/sqlite/wal"
)

// checkFile makes the file at path if it is missing, and this process the only one that uses it, which ends with lock.
// It finds out whether all that the last run acknowledged can be read: what SQLite would drop in silence is corrected,
// told, or an error.
func checkFile(path string, o *store.Options) (lock *os.File, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // customers' data: for the owner alone; SQLite gives its WAL the same mode
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if lock, err = os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err = lockPath(lock); err == nil {
		err = private(path, o.Log)
	}
	if err == nil {
		err = checkLog(path, o)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

var errLocked = errors.New("locked")

// lockPath makes f, the file beside the database, this process's alone, and writes the process's number into it. The
// kernel releases it with the last descriptor, so any death of the process does. The file stays.
func lockPath(f *os.File) error {
	if err := lockFile(f); errors.Is(err, errLocked) {
		pid, _ := io.ReadAll(io.LimitReader(f, 32))
		return store.Setupf("in use by process %s: stop that hub, or name another file for this one", strings.TrimSpace(string(pid)))
	} else if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

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

// checkLog looks at the log that the last run left, before SQLite reads it: what SQLite would drop in silence is
// corrected, told, or an error.
func checkLog(path string, o *store.Options) error {
	r, err := wal.Check(path)
	damage, damaged := errors.AsType[*wal.Damage](err)
	switch {
	case damaged && o.AcceptLoss > 0 && o.AcceptLoss == max(damage.Frame, 1):
		kept := fmt.Sprintf("%s.damaged-%d", damage.Path, o.Clock.Now().Unix())
		if err := copyFile(damage.Path, kept); err != nil {
			return fmt.Errorf("keep a copy of the damaged log: %w", err)
		}
		o.Log.Error("the store goes on without what its damaged log held, as told", "store", path, "frame", damage.Frame, "commits", damage.Commits, "copy", kept)
	case damaged:
		return fmt.Errorf("%w. Nothing was changed. Restore a backup of the store; or give these commits up with --accept-loss %d, which keeps a copy of the log", err, max(damage.Frame, 1))
	case err != nil:
		return fmt.Errorf("log of the store: %w", err)
	case r.Frames > 0 && !hasPage(path):
		return fmt.Errorf("the log %s-wal holds acknowledged commits, and the file that they belong to is gone or empty. Nothing was changed. Put that file back; or move the log away to begin with an empty store", path)
	}
	if r.Frames == 0 {
		if err := checkEnd(path); err != nil {
			return err
		}
	}
	if len(r.Flipped) > 0 {
		if err := wal.Correct(path, r.Flipped); err != nil {
			return fmt.Errorf("correct the log of the store: %w", err)
		}
		o.Log.Warn("flipped bits in the store's log were corrected, nothing is lost: have the disk and the memory of this machine checked", "store", path, "bits", r.Flipped)
	}
	if r.Unfinished > 0 {
		o.Log.Info("the store's log ends in a commit that was not finished, and so was not acknowledged", "store", path, "frames", r.Unfinished)
	}
	return nil
}

// hasPage tells that the file at path holds something. SQLite deletes, without a word, the log of one that does not; it has a page before it has a log.
func hasPage(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() >= wal.PageSize
}

// checkEnd finds a file that was cut inside of its last page, which SQLite would read as zeros. Whole pages that are
// missing it finds itself, and what is no database. A log may hold the page still, so that this is for files without one.
func checkEnd(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // what can't be looked at is told by who opens it
	}
	defer f.Close()
	head := make([]byte, 16)
	info, err := f.Stat()
	if _, e := f.ReadAt(head, 0); err != nil || e != nil || string(head) != "SQLite format 3\x00" || info.Size()%wal.PageSize == 0 {
		return nil
	}
	return fmt.Errorf("the store %s was cut: it has %d bytes, which is no multiple of its page of %d. Nothing was changed. Restore a backup of the store", path, info.Size(), wal.PageSize)
}

// copyFile makes a durable copy, which must not be there yet.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}
