package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// checkpoint moves the WAL into the file once it is long. SQLite's own
// automatic checkpoint hides its errors; a failed fsync must not be hidden.
func (s *Store) checkpoint() error {
	s.pages += s.w.written()
	if s.pages < walPages {
		return nil
	}
	err := s.w.query(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)", nil, func(v []driver.Value) error {
		log, _ := v[1].(int64)
		moved, _ := v[2].(int64)
		if log >= walAlarm {
			s.o.Log.Warn("a long read keeps the store's WAL from being reused", "pages", log)
		}
		s.pages = int(log - moved) // what a reader still needs; tried again when as much is added
		if s.pages > 0 {
			s.pages = walPages * 3 / 4
		}
		return nil
	})
	if err != nil {
		if s.noRoom(err) {
			return nil // the commit itself is durable; a later checkpoint finds space
		}
		s.fail(err)
	}
	return nil
}

// lastCheckpoint leaves an empty WAL behind.
func (s *Store) lastCheckpoint() {
	if s.Err() != nil {
		return
	}
	if _, err := s.w.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		s.o.Log.Warn("last checkpoint of the store", "error", errors.Unwrap(err))
	}
}
