package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// Options of a store. The zero value is ready for use.
type Options struct {
	Clock      hub.Clock    // nil: the wall clock
	Log        *slog.Logger // nil: silent
	Figures    *figures.Set // where commits are counted; nil: nowhere
	QueueLimit int          // messages per queue, dead ones not counted; 0: 2,000,000. A Put beyond it fails its Commit: hub.ErrFull
	RingCount  int          // newest messages kept decoded per queue; 0: 4096
	RingBytes  int64        // memory for them, all queues together; 0: 32 MiB

	// MinFree is how many bytes of the disk stay free; 0: 256 MiB, or 5 % of a smaller disk; negative: off. Below it,
	// Commits with Puts from outside fail with hub.ErrNoSpace.
	MinFree int64
	// Hub names, in PostgreSQL, this hub among those that share the store. A hub that starts takes over what the last one
	// of its name left; "": it waits for the leases to end.
	Hub string
	// AcceptLoss lets SQLite go on without what a damaged log holds from this frame on, which wal.Damage names. The log is
	// kept as a copy.
	AcceptLoss int
}

// WithDefaults replaces what is zero.
func (o Options) WithDefaults() Options {
	if o.Clock == nil {
		o.Clock = hub.RealClock{}
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Figures == nil {
		o.Figures = &figures.Set{}
	}
	o.QueueLimit = cmp.Or(o.QueueLimit, 2_000_000)
	o.RingCount = cmp.Or(o.RingCount, 4096)
	o.RingBytes = cmp.Or(o.RingBytes, 32<<20)
	return o
}

// ErrSetup is in the errors of opening a store that are mended by naming another store, by another version of the hub,
// or by ending the hub that has the store. All other errors of opening are of the disk or of the server.
var ErrSetup = errors.New("the store can't be used as it is named")

// setupError is an ErrSetup with a text of its own.
type setupError struct{ error }

func (e setupError) Unwrap() []error { return []error{e.error, ErrSetup} }

// Setupf makes an ErrSetup that reads as format says.
func Setupf(format string, args ...any) error { return setupError{fmt.Errorf(format, args...)} }
