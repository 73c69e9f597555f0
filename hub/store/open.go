package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"orderhub/hub"
)

// Options of a store. The zero value is ready for use.
type Options struct {
	Clock      hub.Clock    // nil: the wall clock
	Log        *slog.Logger // nil: silent
	QueueLimit int          // messages per queue, dead ones not counted; 0: 2,000,000. A Put beyond it fails its Commit with hub.ErrFull
	MinFree    int64        // bytes of disk; 0: 256 MiB, negative: off. Below it, Commits with Puts from outside fail with hub.ErrFull
	RingCount  int          // newest messages kept decoded per queue; 0: 4096
	RingBytes  int64        // memory for them, all queues together; 0: 32 MiB
}

// Health is implemented by every store of this package. Done is closed when
// the store failed for good (an fsync error): the process must end with code
// 74, and Err tells why.
type Health interface {
	Done() <-chan struct{}
	Err() error
}

// Backuper is a store that can copy itself, while it works, into a new file.
type Backuper interface {
	Backup(ctx context.Context, path string) error
}

// Open opens the store that url names, "sqlite:path" or "memory:". The caller
// closes it.
func Open(ctx context.Context, url string, o Options) (hub.Store, error) {
	o = o.withDefaults()
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case found && kind == "memory":
		return newMemory(o), nil
	case found && kind == "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.Contains(path, "?") {
			return nil, fmt.Errorf("store %q: give the path of a file without %q: sqlite:var/hub.db", url, "?")
		}
		s, err := openSQLite(ctx, path, o)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", path, err)
		}
		return s, nil
	case kind == "postgres" || kind == "postgresql":
		return nil, errors.New("store postgres: not yet available: the embedded store is sqlite:file")
	}
	return nil, fmt.Errorf("store %q: unknown kind; write memory: or sqlite:file", url)
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = hub.RealClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = 2_000_000
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.RingCount == 0 {
		o.RingCount = 4096
	}
	if o.RingBytes == 0 {
		o.RingBytes = 32 << 20
	}
	return o
}
