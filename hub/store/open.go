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
	MinFree    int64        // bytes of disk; 0: 256 MiB, or 5 % of a smaller disk; negative: off. Below it, Commits with Puts from outside fail with hub.ErrNoSpace
	RingCount  int          // newest messages kept decoded per queue; 0: 4096
	RingBytes  int64        // memory for them, all queues together; 0: 32 MiB
	Hub        string       // PostgreSQL: names this hub among those that share the store. When a hub of that name starts, it takes over what the last one left; "": it waits for the leases to end
	AcceptLoss int          // SQLite: go on without what a damaged log holds from this frame on, which wal.Damage names; the log is kept as a copy
}

// ErrSetup is in the errors of Open that are mended by naming another store, by another version of the hub, or by
// ending the hub that has the store. All other errors of Open are of the disk or of the server.
var ErrSetup = errors.New("the store can't be used as it is named")

// setupError is an ErrSetup with a text of its own.
type setupError struct{ error }

func (e setupError) Unwrap() []error { return []error{e.error, ErrSetup} }

func setupErrorf(format string, args ...any) error { return setupError{fmt.Errorf(format, args...)} }

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

// Open opens the store that url names: "sqlite:path", "memory:" or "postgres://…". The caller
// closes it. Its error is an ErrSetup or of the disk or server; a *wal.Damage says what is lost for good.
func Open(ctx context.Context, url string, o Options) (hub.Store, error) {
	o = o.withDefaults()
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case kind == "postgres" || kind == "postgresql":
		return OpenPostgres(ctx, url, PostgresOptions{Options: o})
	case found && kind == "memory":
		return newMemory(o), nil
	case found && kind == "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.Contains(path, "?") {
			return nil, setupErrorf("store %q: give the path of a file without %q: sqlite:var/hub.db", url, "?")
		}
		s, err := openSQLite(ctx, path, o)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", path, err)
		}
		return s, nil
	}
	return nil, setupErrorf("store %q: unknown kind; write memory:, sqlite:file or postgres://…", kind+":")
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
	if o.RingCount == 0 {
		o.RingCount = 4096
	}
	if o.RingBytes == 0 {
		o.RingBytes = 32 << 20
	}
	return o
}
