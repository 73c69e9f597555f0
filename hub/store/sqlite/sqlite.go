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
	"orderhub/hub/store/core"
)

// Store keeps everything in one SQLite file. One goroutine writes; claims live in memory,
// because this process has the file for itself.
type Store struct {
	o      core.Options
	path   string
	lock   *os.File
	w      *conn // the writer's
	epoch  int64 // counts the starts
	jobs   chan *job
	stop   chan struct{} // closed by Close
	ended  chan struct{} // closed when the writer has returned
	failed chan struct{} // closed by fail
	full   atomic.Bool   // a commit met a full disk, and Room has not found out since that it can write

	reserve int64 // bytes of disk
	cause   atomic.Pointer[error]
	closed  sync.Once

	senders sync.RWMutex // held for reading while a job is being queued
	closing bool         // under senders

	readers chan *conn // idle ones
	opened  chan struct{}

	mu     sync.Mutex // guards what follows; never held during SQL
	queues map[string]*queue
	names  map[int64]string // of queues, by id
	lastID int64            // of a queue
	cached int64            // bytes in all rings
	claims int64            // claims given: the low half of an epoch
	last   string
	space  spaceCheck

	seq, seqLimit int64 // the writer's: last number given, and how many are reserved on disk
	pages         int   // the writer's: pages in the WAL
}

var (
	_ hub.Store = (*Store)(nil)
)

const maxReaders = 4

// Open opens the store in the file at path, and makes it if it is missing.
func Open(ctx context.Context, path string, o core.Options) (*Store, error) {
	o = o.WithDefaults()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil { // customers' data: for the owner alone; SQLite gives its WAL the same mode
		return nil, err
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	lock, err := lockPath(path)
	if err != nil {
		return nil, err
	}
	if err := private(path, o.Log); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := checkLog(path, o); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	w, err := openWriter(path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{o: o, path: path, reserve: reserveOf(&o, filepath.Dir(path)), lock: lock, w: w, jobs: make(chan *job, 1024),
		stop: make(chan struct{}), ended: make(chan struct{}), failed: make(chan struct{}),
		readers: make(chan *conn, maxReaders), opened: make(chan struct{}, maxReaders), queues: map[string]*queue{}, names: map[int64]string{}}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, w.close(), lock.Close())
	}
	go s.write()
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

// Done is closed when the store failed for good.
func (s *Store) Done() <-chan struct{} { return s.failed }

// Err is why the store failed; nil while it works.
func (s *Store) Err() error {
	if p := s.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// fail makes every later call return err. The writer calls it, at most once.
func (s *Store) fail(err error) {
	err = fmt.Errorf("store %s failed and must be opened again: %w", s.path, err)
	if s.cause.CompareAndSwap(nil, &err) {
		s.o.Log.Error("store failed", "error", err)
		close(s.failed)
	}
}

// ok is the error of a call that may not begin.
func (s *Store) ok() error {
	if err := s.Err(); err != nil {
		return err
	}
	select {
	case <-s.stop:
		return hub.ErrClosed
	default:
		return nil
	}
}

// Close ends what was begun, and refuses the rest with hub.ErrClosed.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		s.senders.Lock()
		s.closing = true
		s.senders.Unlock()
		close(s.stop)
		<-s.ended
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
	if err := s.ok(); err != nil {
		return err
	}
	select {
	case s.opened <- struct{}{}:
	case <-s.stop:
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
