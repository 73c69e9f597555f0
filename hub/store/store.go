// Package store is the contract of a store, which keeps all that must survive:
// messages, records, counters and history. Package drivers opens one: SQLite,
// PostgreSQL for several hubs that share it, or memory for tests. DESIGN.md
// beside this file has the decisions.
package store

import (
	"context"
	"time"

	"orderhub/hub"
)

// Store keeps all that must survive. Every implementation passes
// hubtest.Store. Commits of many goroutines share one fsync (group commit).
//
// Duties: a body's CRC32C is checked at every read from disk, and a damaged
// message becomes a dead letter with reason corrupt_record, never a delivery.
// An fsync error is fatal: every later call fails, nothing is retried. A
// caller's context never cancels a write that began.
type Store interface {
	Claimer
	Reader
	Admin
	// Commit makes all of u durable, or nothing: ErrConflict (a record's version
	// is stale, or what is to be settled is no dead letter), ErrLost (the claim of u.Input is), ErrDuplicate (u.Inbox is known).
	Commit(ctx context.Context, u *hub.Unit) error
	// Room tells whether messages from outside may come in: nil, ErrNoSpace, or what keeps the
	// store from writing now. It is asked about once a second, and finds out when that is over.
	Room(ctx context.Context) error
	// Done is closed when the store has failed for good; Err then says why. The process must end: nothing more can be kept.
	Done() <-chan struct{}
	Err() error
	Close() error
}

// Claimer gives the stored messages of queues to the hub that runs them.
type Claimer interface {
	// Claim takes up to max messages of the queue for this hub, the due ones
	// and the ready ones, each in sequence order. A message that is claimed is
	// given to nobody else until it is committed, released, or its lease ends.
	// next is when the earliest waiting message falls due; zero: none waits.
	Claim(ctx context.Context, queue string, max int, lease time.Duration) (batch []*hub.Delivery, next time.Time, err error)
	// ClaimHeld takes the held messages of one key, in sequence order.
	ClaimHeld(ctx context.Context, queue, key string, max int, lease time.Duration) ([]*hub.Delivery, error)
	// Release gives claimed messages back untouched: they are ready again, in their old order.
	Release(ctx context.Context, batch []*hub.Delivery) error
	// Retrying lists the keys of the queue that have a waiting, tried message: they are blocked.
	Retrying(ctx context.Context, queue string) ([]string, error)
	// Ended gives the keys of messages of the queue that ended since the last call without having been given
	// to anybody: they were found damaged, or replaced or dropped by name. It is asked after each Claim.
	Ended(queue string) []string
	// Keys counts the messages of each key in the queue, without dead letters and messages that have no key.
	Keys(ctx context.Context, queue string) (map[string]int, error)
}

// Reader shows people what a store holds. It claims nothing.
type Reader interface {
	hub.Records
	// Kinds are the kinds of records that begin with the prefix, in their order.
	Kinds(ctx context.Context, prefix string) ([]string, error)
	// History is all that is known of a root message ID, a correlation or a trace ID, oldest first.
	// "last" is the newest root that came from outside.
	History(ctx context.Context, id string) ([]HistoryRow, error)
	// Find pages through the history, newest first: the rows of units that have one of the terms, or all rows.
	Find(ctx context.Context, q FindQuery) ([]HistoryRow, error)
	// Refusals pages through what was refused, newest first. Of what units bring
	// it keeps the newest: MaxRefusals in all, MaxRefusalsOfKind of one source and reason.
	Refusals(ctx context.Context, q RefusalQuery) ([]hub.Refusal, error)
	// Queues tells the depth of every queue that has messages.
	Queues(ctx context.Context) ([]QueueStats, error)
	// Browse pages through stored messages.
	Browse(ctx context.Context, q BrowseQuery) ([]*hub.Delivery, error)
	// DeadGroups groups the dead letters by cause, largest first.
	DeadGroups(ctx context.Context) ([]DeadGroup, error)
	// Awaiting groups the messages that wait after a failure by queue and by what they await.
	Awaiting(ctx context.Context) ([]Awaiting, error)
	// Size tells what the store takes on its disk.
	Size(ctx context.Context) (Size, error)
}

// Admin changes stored messages from outside of their units, and keeps the store small.
type Admin interface {
	// Pick claims, in sequence order, the messages of the queue that have these numbers, in whatever state: for somebody
	// who moves or deletes them by units. Those that are claimed already it leaves alone. A key that such a message
	// blocked is free once its unit is committed (Ended).
	Pick(ctx context.Context, queue string, seqs []int64, lease time.Duration) ([]*hub.Delivery, error)
	// Hasten makes up to max messages that await a part of the hub due now, the
	// earliest first. It tells how many; those that were due already are left alone.
	Hasten(ctx context.Context, part string, max int) (int, error)
	// Recover is called before a runtime begins, while nothing is claimed, with the sequence
	// numbers that were running when the last run ended uncleanly: each has its
	// crash counted, durably. Held messages are ready again.
	Recover(ctx context.Context, running []int64) error
	// Sweep deletes, in one transaction, up to limit of what is over: records that have expired, history and refusals that were kept as
	// long as is said, and gives some of the room to the disk. It tells how many. more: there is more to do at once.
	Sweep(ctx context.Context, keep Retention, limit int) (n int, more bool, err error)
}

// Retention is how long a store keeps what does not say it of itself; 0: for ever. What has a time of its own, such as a record or
// the history of a unit with a Keep, goes when that is over.
type Retention struct{ History, Refusals time.Duration }

// Checker is a Store that can look for damage in its own file.
type Checker interface {
	// Check looks through the whole file, beside other reads and writes, until ctx ends. The error says what is damaged first.
	Check(ctx context.Context) error
}

// Keeper is a Store on a disk, which can be copied and looked through while it is in use.
type Keeper interface {
	// Backup writes what is there at one instant to a new file, whole or not at all: all that was acknowledged before Contents.Taken, and
	// nothing that began after it has returned. version is the hub's. Commits go on meanwhile.
	Backup(ctx context.Context, file, version string) (*Contents, error)
	// Rewrite writes all that is there anew, so that nothing of what was deleted is left in the store's files. Commits wait meanwhile.
	Rewrite(ctx context.Context) error
	// Verify looks at each row, and for what the database finds damaged. What it finds is no error.
	Verify(ctx context.Context) (*Contents, error)
}

// Contents are what a store, or a backup of one, holds, as somebody found who looked at all of it.
type Contents struct {
	Of       string           `json:"of"`                // the store, without a password
	Taken    time.Time        `json:"taken,omitzero"`    // of a backup: the instant that it is of
	Version  string           `json:"version,omitempty"` // likewise, of the hub that made it
	Messages map[string]int64 `json:"messages"`          // by state
	Rows     map[string]int64 `json:"rows"`              // by table
	Damaged  int              `json:"damaged"`
	Damages  []string         `json:"damages,omitempty"` // the first 100
}

// Shared is a Store that several hubs use at once. Each queue is leased by one
// of them: Claim and ClaimHeld give nothing of a queue that another hub has,
// and Claim's next tells when to look again. Claim gives no message that stands
// behind a retry, or behind a held one, of its key: it makes it held. ClaimHeld
// gives none that stands behind a retry.
type Shared interface {
	Store
	// Woken tells the names of queues that this hub should look at: another hub
	// put messages there, or gave the queue free.
	Woken() <-chan string
	// Lease is the number of this hub's lease of the queue; 0: it has none. Only
	// Claim takes one. When it changed, what was known of the queue's keys is stale.
	Lease(queue string) int64
	// Holds tells whether a claim may be relied on now: no other hub can have the message. What it says is
	// true when it says it; a hub that is stalled behind it for longer than its lease runs what another one runs, too.
	Holds(d *hub.Delivery) bool
	// Owners tells which hubs use the store now, by their names, and which queues each has.
	Owners(ctx context.Context) ([]Owner, error)
	// Blocked tells whether a message of the key lies in the queue, whichever
	// hub put it there. It may also say so of any key when the queue is long.
	Blocked(ctx context.Context, queue, key string) (bool, error)
}

// Owner is a hub that uses a Shared store, with the queues that it has the lease of.
type Owner struct {
	Hub    string
	Queues []string
}

// HistoryRow is the history that one unit left.
type HistoryRow struct {
	Seq         int64
	Root        string
	Correlation string
	Span        hub.Span // of the run that the unit belongs to, without its links
	Events      []hub.Event
}

// FindQuery selects rows of the history; zero fields select all.
type FindQuery struct {
	Terms        []int64   // of hub.Unit.Terms: one of them
	Since, Until time.Time // when the row was written
	Before       int64     // sequence number to page on from
	Limit        int       // 0: 100
}

// QueueStats is the depth of a queue.
type QueueStats struct {
	Queue   string    `json:"queue"`
	Ready   int       `json:"ready"`
	Waiting int       `json:"waiting"`
	Held    int       `json:"held"`
	Dead    int       `json:"dead"`
	Oldest  time.Time `json:"oldest,omitzero"` // time of the oldest message that is not dead
	NextDue time.Time `json:"next_due,omitzero"`
}

// Live is how many messages of the queue are not dead.
func (q *QueueStats) Live() int { return q.Ready + q.Waiting + q.Held }

// Size is how many bytes a store takes: its file, or its tables with their indexes; and what its write-ahead log
// holds that is not in there yet, where it has one of its own. Free is what is left of its disk; 0: not known.
type Size struct {
	Data int64 `json:"data"`
	Log  int64 `json:"log"`
	Free int64 `json:"free,omitempty"`
}

// Sum is how many bytes it takes on its disk.
func (s Size) Sum() int64 { return s.Data + s.Log }

// BrowseQuery selects stored messages; zero fields select all. By ID, root or correlation, SQLite finds a ready message whose unit kept no history
// among the newest alone, about 10,000.
type BrowseQuery struct {
	Queue, ID, Key, Correlation, Cause string
	Root                               string    // ID of a message, which is found with its children
	State                              hub.State // Done: any
	After                              int64     // sequence number to page on from
	Limit                              int       // 0: 100
}

// Awaiting is a group of messages of one queue that wait after a failure.
type Awaiting struct {
	Queue  string
	For    string // the part of the hub that failed (hub.Finish.Await), else the group of the failure (hub.Failure.Cause)
	Count  int
	Next   time.Time     // when the first of them is tried again
	Sample *hub.Delivery // that one
}

// DeadGroup is a group of dead letters with one cause.
type DeadGroup struct {
	Cause       string // group id: see hub.Failure.Cause
	Count       int
	First, Last time.Time
	Sample      *hub.Delivery // the newest
}
