package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"orderhub/hub"
	"orderhub/hub/store"
)

// What is left of the disk is for messages that came in before: below the
// reserve nothing from outside is taken any more.
const (
	reserveMost = 256 << 20
	reservePart = 20        // of a smaller disk: its 20th part
	growth      = 256 << 10 // that the store must be able to grow by to have room again
)

// spaceCheck remembers for a moment how much disk is left.
type spaceCheck struct {
	at  time.Time
	low bool
}

// reserveOf is the reserve on the disk where dir lies.
func reserveOf(o *store.Options, dir string) int64 {
	if o.MinFree != 0 {
		return o.MinFree
	}
	if _, all, known := diskSpace(dir); known {
		return min(reserveMost, all/reservePart)
	}
	return reserveMost
}

// spaceLow looks at the disk at most every half second.
func (s *Store) spaceLow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.space.at) > 500*time.Millisecond {
		free, _, known := diskSpace(filepath.Dir(s.path))
		s.space = spaceCheck{now, known && free < s.reserve}
	}
	return s.space.low
}

// noSpace is the error of what is refused while the disk is nearly full.
func (s *Store) noSpace() error {
	return fmt.Errorf("store %s: less than %d MiB of disk are free: %w", s.path, s.reserve>>20, hub.ErrNoSpace)
}

// noRoom tells an error that goes away by itself when space is freed. SQLite tells a full disk; what a quota of the disk,
// or a limit of the process's files, does not let it write is an I/O error to it, and so a file of our own finds out.
func (s *Store) noRoom(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return true
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return outOfSpace(s.tryToGrow())
	}
	return false
}

// tryToGrow writes a little behind the place where the store's longest file ends, to a file that it removes.
func (s *Store) tryToGrow() (err error) {
	size, _ := s.Size(context.Background()) // never fails
	end := max(size.Data, size.Log)
	f, err := os.OpenFile(s.path+".room", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.WriteAt(make([]byte, growth), end); err != nil {
		return err
	}
	return f.Sync()
}

// Size is that of the file and of its WAL; a file that is not there takes nothing. Free is that of its disk, 0 where the system does not tell.
func (s *Store) Size(context.Context) (size store.Size, err error) {
	for suffix, n := range map[string]*int64{"": &size.Data, "-wal": &size.Log} {
		if info, err := os.Stat(s.path + suffix); err == nil {
			*n = info.Size()
		}
	}
	size.Free, _, _ = diskSpace(filepath.Dir(s.path))
	return size, nil
}

// Room tells whether there is space for messages from outside. After a commit
// that met a full disk a few pages are written to find out whether there is again.
func (s *Store) Room(ctx context.Context) error {
	if s.spaceLow() {
		return s.noSpace()
	}
	if !s.full.Load() {
		return s.Usable()
	}
	if err := s.tryToGrow(); outOfSpace(err) {
		return fmt.Errorf("store %s: %w: %w", s.path, err, hub.ErrNoSpace)
	}
	s.full.Store(false)
	return s.do(ctx, 256, func(b *batch) error { return b.reserve(reserve + 1) }) // sets s.full again
}
