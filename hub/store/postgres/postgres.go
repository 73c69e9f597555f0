// Package postgres is the store that several hubs share.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Store is one hub's end of a store in PostgreSQL. Each queue is leased by one
// of them at a time, claims live in the memory of the hub that has the lease,
// and a unit that consumes a message checks the lease in its own transaction.
// DESIGN.md has the decisions.
type Store struct {
	*core.Writer[*queue]
	core.Look

	o      Options
	config *pgx.ConnConfig
	pool   *pgxpool.Config
	place  string // host and database, for people
	schema string
	id     int64 // of this hub in the table hubs: another one at every start

	behind sync.WaitGroup
	closed sync.Once

	readers *pgxpool.Pool
	writer  link         // the writer's
	number  int64        // of the writer's last batch
	swept   atomic.Int64 // up to this row of history nothing is left but what has a time of its own
	settled atomic.Int64 // batches that were in doubt, and turned out to be committed
	keeper  link         // of the goroutine that keeps the leases
	shared  time.Time    // the keeper's: when it last chose queues to give away

	woken chan string // see Woken
	kick  hub.Signal  // the keeper has something to do

	mu     sync.Mutex // guards what follows; never held during SQL
	away   time.Time  // since when PostgreSQL can't be reached; zero: it can
	queues map[string]*queue
	byID   map[int64]*queue
	claims int64          // claims given: the low half of an epoch
	tell   map[int64]bool // queues of other hubs that this one put to
	freed  map[int64]bool // queues whose lease this hub gave back
}

// Options are the options of a store that several hubs share. Of
// store.Options it uses Clock, Log, QueueLimit and Hub.
type Options struct {
	store.Options
	Lease    time.Duration // how long a queue stays with a hub that is silent; 0: 15 s
	Patience time.Duration // how long a call waits for a PostgreSQL that is away, before it fails as unavailable; 0: 10 s
}

var (
	_ store.Store = (*Store)(nil)
)

// Open opens the store in a PostgreSQL database: "postgres://…" or a
// libpq keyword string. Its tables lie in the first schema of the URL's
// search_path, in the schema hub if there is none; both are made when they are
// missing. The caller closes the store.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	o.Options = o.Options.WithDefaults()
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	o.Patience = cmp.Or(o.Patience, 10*time.Second)
	s := &Store{o: o, woken: make(chan string, 1024), kick: hub.NewSignal(),
		queues: map[string]*queue{}, byID: map[int64]*queue{}, tell: map[int64]bool{}, freed: map[int64]bool{}}
	if err := s.configure(url); err != nil {
		return nil, store.Setupf("store postgres: %w", err)
	}
	s.Writer = core.NewWriter(s.place, &s.o.Options, s.try)
	s.Look = core.Look{Clock: o.Clock, Places: &core.Places{}, Read: s.look, Records: func(string) *core.RecordSQL { return records }}
	s.writer, s.keeper = link{s: s}, link{s: s}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("store %s: %w", s.place, errors.Join(err, s.writer.close()))
	}
	go s.Write()
	s.behind.Go(s.keep)
	s.behind.Go(s.listen)
	return s, nil
}

// begin makes the tables and enters this hub.
func (s *Store) begin(ctx context.Context) error {
	c, err := s.writer.get(ctx)
	if err != nil {
		return err
	}
	if err := s.migrate(ctx, c); err != nil {
		return err
	}
	var unsafe string
	err = c.QueryRow(ctx, `SELECT CASE WHEN current_setting('fsync')='off' THEN 'fsync'
		WHEN current_setting('full_page_writes')='off' THEN 'full_page_writes' ELSE '' END`).Scan(&unsafe)
	if err != nil {
		return err
	}
	if unsafe != "" {
		s.o.Log.Warn("the PostgreSQL server may lose what it acknowledged when its machine stops", "store", s.place, "setting", unsafe+"=off")
	}
	if err := s.enter(ctx, c); err != nil {
		return err
	}
	s.readers, err = pgxpool.NewWithConfig(ctx, s.pool)
	return err
}

// Close ends what was begun, gives the leases back, and refuses the rest with hub.ErrClosed.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		s.End()
		s.behind.Wait()
		s.leave()
		s.readers.Close() // waits for reads under way
		err = errors.Join(s.writer.close(), s.keeper.close())
	})
	return err
}
