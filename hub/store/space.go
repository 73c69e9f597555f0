package store

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"orderhub/hub"
)

// What is left of the disk is for messages that came in before: below the
// reserve nothing from outside is taken any more.
const (
	reserveMost = 256 << 20
	reservePart = 20 // of a smaller disk: its 20th part
)

// spaceCheck remembers for a moment how much disk is left.
type spaceCheck struct {
	at  time.Time
	low bool
}

// reserveOf is the reserve on the disk where dir lies.
func (o *Options) reserveOf(dir string) int64 {
	if o.MinFree != 0 {
		return o.MinFree
	}
	if _, all, known := diskSpace(dir); known {
		return min(reserveMost, all/reservePart)
	}
	return reserveMost
}

// spaceLow looks at the disk at most every half second. It is called under s.mu.
func (s *SQLite) spaceLow() bool {
	if now := time.Now(); now.Sub(s.space.at) > 500*time.Millisecond {
		free, _, known := diskSpace(filepath.Dir(s.path))
		s.space = spaceCheck{now, known && free < s.reserve}
	}
	return s.space.low
}

// Room tells whether there is space for messages from outside. After a commit
// that met a full disk a small write finds out whether there is again.
func (s *SQLite) Room(ctx context.Context) error {
	s.mu.Lock()
	low := s.spaceLow()
	s.mu.Unlock()
	if low {
		return fmt.Errorf("store %s: less than %d MiB of disk are free: %w", s.path, s.reserve>>20, hub.ErrNoSpace)
	}
	if !s.full.Swap(false) {
		return s.ok()
	}
	return s.submit(ctx, &job{size: 256, run: func(b *batch) error { return b.reserve(reserve + 1) }}) // sets s.full again
}

// Room is always there.
func (s *Memory) Room(context.Context) error { return nil }
