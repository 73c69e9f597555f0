package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5"

	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/sqlite"
)

// tables are those of a store here: documents are among the records.
var tables = slices.DeleteFunc(slices.Clone(core.Tables), func(t *core.Table) bool { return t.Name == "states" })

// Backup writes a copy of the whole store to a new file, as a store in SQLite. Its rows are of one snapshot.
func (s *Store) Backup(ctx context.Context, file, version string) (c *store.Contents, err error) {
	file, err = filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return sqlite.Copied(ctx, file, store.Contents{Of: s.place, Version: version}, func(put func(t *core.Table, r core.Row) error) (seq int64, err error) {
		err = s.snapshot(ctx, func(query core.Query) error {
			for _, t := range tables {
				if err := t.Each(query, func(r core.Row) error { return put(t, r) }); err != nil {
					return err
				}
			}
			return query("SELECT last_value FROM numbers", nil, func(r core.Row) error { seq = r.Int(0); return nil })
		})
		return seq, err
	})
}

// Rewrite writes each table anew. What the server keeps of its log is the server's.
func (s *Store) Rewrite(ctx context.Context) error {
	c, err := s.connect(ctx)
	for _, t := range tables {
		if err == nil {
			_, err = c.Exec(ctx, "VACUUM FULL "+t.Name)
		}
	}
	return errors.Join(err, closeConn(c))
}

// Verify looks at each row.
func (s *Store) Verify(ctx context.Context) (*store.Contents, error) {
	c := &core.Checkup{Contents: store.Contents{Of: s.place}, Clock: s.o.Clock}
	err := s.snapshot(ctx, func(query core.Query) error { return c.All(query, tables, nil) })
	return &c.Contents, err
}

// snapshot lends a connection to f, which takes long and sees one state of the database. It ends early when the store is closed.
func (s *Store) snapshot(ctx context.Context, f func(query core.Query) error) error {
	if err := s.Usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.behind.Go(func() {
		select {
		case <-s.Stopping():
			cancel()
		case <-ctx.Done():
		}
	})
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return f(queryOf(ctx, tx))
	})
	return errors.Join(err, closeConn(c))
}

// Restore makes a store of a backup in the database that a URL names, where none is, or one in which nothing ever was.
func Restore(ctx context.Context, url string, b *sqlite.Backup) error {
	s := &Store{o: Options{Options: store.Options{}.WithDefaults()}}
	if err := s.configure(url); err != nil {
		return store.Setupf("store postgres: %w", err)
	}
	c, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", s.place, err)
	}
	defer closeConn(c)
	query, seq, err := b.Rows(ctx)
	if err == nil {
		err = s.migrate(ctx, c)
	}
	if err == nil {
		err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error { return fill(ctx, tx, query, seq) })
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", s.place, err)
	}
	return nil
}

// errEnough ends the reading of rows that nobody takes any more.
var errEnough = errors.New("enough")

// fill copies all rows into the tables, which must be empty.
func fill(ctx context.Context, tx pgx.Tx, query core.Query, seq int64) error {
	for _, t := range tables {
		var there bool
		_, err := tx.Exec(ctx, "LOCK TABLE "+t.Name+" IN ACCESS EXCLUSIVE MODE")
		if err == nil {
			err = tx.QueryRow(ctx, "SELECT EXISTS(SELECT 1 FROM "+t.Name+")").Scan(&there)
		}
		if err != nil {
			return err
		}
		if there {
			return store.Setupf("there is a store already, its table %s has rows: a backup is restored where none is; name another schema in the URL: search_path=name", t.Name)
		}
	}
	for _, t := range core.Tables {
		next, stop := iter.Pull2(func(yield func([]any, error) bool) {
			err := t.Each(query, func(r core.Row) error {
				if !yield(t.ForPostgres(r), nil) {
					return errEnough
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				yield(nil, err)
			}
		})
		defer stop()
		into := t.Name
		if into == "states" {
			into = "records"
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{into}, t.Columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, err, _ := next()
			return row, err
		}))
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	_, err := tx.Exec(ctx, "SELECT setval('numbers', $1), setval(pg_get_serial_sequence('queues','id'), (SELECT coalesce(max(id),0)+1 FROM queues))", max(seq, 1))
	return err
}
