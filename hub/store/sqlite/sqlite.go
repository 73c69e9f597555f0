// Package sqlite is the embedded store: one hub, one file.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Store keeps everything in one SQLite file. One goroutine writes; claims live in memory,
// because this process has the file for itself.
type Store struct {
	*core.Writer[*queue]
	core.Look

	o       store.Options
	path    string
	lock    *os.File
	w       *conn       // the writer's
	batch   *batch      // likewise
	epoch   int64       // counts the starts
	full    atomic.Bool // a commit met a full disk, and Room has not found out since that it can write
	reserve int64       // bytes of disk
	closed  sync.Once

	readers chan *conn // idle ones
	opened  chan struct{}

	mu     sync.Mutex // guards what follows; never held during SQL
	queues map[string]*queue
	byID   map[int64]*queue
	lastID int64  // of a queue
	cached int64  // bytes in all rings
	claims int64  // claims given: the low half of an epoch
	last   string // the newest root from outside, of this start
	space  spaceCheck

	swept         int64 // up to this row of history nothing is left but what has a time of its own; of the one who sweeps
	seq, seqLimit int64 // the writer's: last number given, and how many are reserved on disk
	pages         int   // the writer's: pages in the WAL
}

var _ store.Store = (*Store)(nil)

const maxReaders = 4

// Open opens the store in the file at path, and makes it if it is missing.
func Open(ctx context.Context, path string, o store.Options) (*Store, error) {
	s, err := openFile(ctx, path, o.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return s, nil
}

func openFile(ctx context.Context, path string, o store.Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := checkFile(path, &o)
	if err != nil {
		return nil, err
	}
	w, err := openWriter(path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{o: o, path: path, reserve: reserveOf(&o, filepath.Dir(path)), lock: lock, w: w,
		readers: make(chan *conn, maxReaders), opened: make(chan struct{}, maxReaders), queues: map[string]*queue{}, byID: map[int64]*queue{}}
	s.batch = &batch{s: s, c: w, gone: map[int64]bool{}, grown: map[*queue]int{}, adds: map[hub.Add]int64{}}
	s.Writer = core.NewWriter(path, &s.o, s.batch.try)
	s.Look = core.Look{Sparse: true, Clock: o.Clock, Places: &core.Places{}, Read: s.look, Records: func(kind string) *core.RecordSQL { return sqlOf(kind).read }}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, w.close(), lock.Close())
	}
	go s.Write()
	return s, nil
}

// load reads what is kept in memory: queues, their depths, the counters of meta.
func (s *Store) load() error {
	if _, err := s.w.exec("INSERT INTO meta VALUES('epoch',1) ON CONFLICT DO UPDATE SET value=value+1"); err != nil {
		return err
	}
	var err error
	if s.epoch, err = s.w.number("SELECT value FROM meta WHERE key='epoch'"); err != nil {
		return err
	}
	if s.seq, err = s.w.number("SELECT value FROM meta WHERE key='seq'"); err != nil {
		return err
	}
	s.seqLimit = s.seq
	return s.count(s.w)
}

// Close ends what was begun, and refuses the rest with hub.ErrClosed.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		s.End()
		s.lastCheckpoint()
		var errs []error
		for range maxReaders { // waits for reads under way
			s.opened <- struct{}{}
		}
		close(s.readers)
		for c := range s.readers {
			errs = append(errs, c.close())
		}
		err = errors.Join(append(errs, s.w.close(), s.lock.Close())...)
	})
	return err
}

// read lends a read-only connection to f, for a short time.
func (s *Store) read(ctx context.Context, f func(c *conn) error) error {
	if err := s.Usable(); err != nil {
		return err
	}
	select {
	case s.opened <- struct{}{}:
	case <-s.Stopping():
		return hub.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.opened }()
	var c *conn
	select {
	case got, open := <-s.readers:
		if !open {
			return hub.ErrClosed
		}
		c = got
	default:
		var err error
		if c, err = openReader(s.path); err != nil {
			return err
		}
	}
	err := f(c)
	s.readers <- c
	return err
}

func (s *Store) look(ctx context.Context, f func(query core.Query) error) error {
	return s.read(ctx, func(c *conn) error {
		return f(func(sql string, args []any, row func(core.Row) error) error { return c.query(ctx, sql, args, row) })
	})
}

// Check looks through all pages, without the comparison of indexes with their tables.
func (s *Store) Check(ctx context.Context) error {
	return s.read(ctx, func(c *conn) error {
		return c.query(ctx, "PRAGMA quick_check(1)", nil, func(r core.Row) error {
			if found := r.Text(0); found != "ok" {
				return fmt.Errorf("store %s is damaged: %s", s.path, found)
			}
			return nil
		})
	})
}
