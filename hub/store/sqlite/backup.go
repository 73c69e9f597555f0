package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// A backup is a store in an SQLite file, of whichever database it was made, with one table more: what it is of, and of each
// table the count and the SHA-256 of its rows (core.Checkup). So each bit of it is covered, and any SQLite can read it.
const backupTable = "CREATE TABLE backup(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

// Rows in the table of a backup, beside those of the tables.
const (
	backupOf      = "of"
	backupTaken   = "taken" // RFC 3339
	backupVersion = "version"
)

// Backup writes a copy of the whole store to a new file. It holds the log's frames that it reads, so the log grows by what is committed meanwhile.
func (s *Store) Backup(ctx context.Context, file, version string) (c *store.Contents, err error) {
	size, _ := s.Size(ctx) // never fails
	if free, _, known := diskSpace(filepath.Dir(file)); known && free < size.Sum()+max(s.reserve, 0) {
		return nil, fmt.Errorf("backup to %s: its disk has %d MiB free, and the store takes %d MiB beside a reserve of %d: name a file on another disk",
			file, free>>20, size.Sum()>>20, max(s.reserve, 0)>>20)
	}
	err = s.beside(ctx, func(ctx context.Context, from *conn) error {
		c, err = writeBackup(ctx, file, store.Contents{Of: "sqlite:" + s.path, Version: version}, func(part string) error {
			return from.query(ctx, "VACUUM INTO ?", []any{part}, func(core.Row) error { return nil })
		})
		return err
	})
	return c, err
}

// Rewrite vacuums the file, and empties the log. It needs room for two copies more.
func (s *Store) Rewrite(ctx context.Context) error {
	size, _ := s.Size(ctx) // never fails
	if size.Free > 0 && size.Free < 2*size.Data {
		return fmt.Errorf("store %s: to write it anew takes %d MiB, and %d are free: %w", s.path, 2*size.Data>>20, size.Free>>20, hub.ErrNoSpace)
	}
	return s.alone(ctx, func() error {
		if err := s.w.script("PRAGMA temp_store=FILE; VACUUM; PRAGMA temp_store=MEMORY"); err != nil {
			return err
		}
		s.pages = 0
		return s.w.query(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)", nil, func(r core.Row) error {
			if r.Int(0) != 0 {
				return fmt.Errorf("store %s: a long read, such as a backup, holds the log, which is not empty: try again behind it", s.path)
			}
			return nil
		})
	})
}

// Verify looks at each row and at SQLite's own structures.
func (s *Store) Verify(ctx context.Context) (*store.Contents, error) {
	c := &core.Checkup{Contents: store.Contents{Of: "sqlite:" + s.path}, Clock: s.o.Clock}
	err := s.beside(ctx, func(ctx context.Context, from *conn) error { return from.checkup(ctx, c, nil) })
	return &c.Contents, err
}

// beside lends a connection to f, which takes long: it ends early when the store is closed.
func (s *Store) beside(ctx context.Context, f func(ctx context.Context, c *conn) error) error {
	if err := s.Usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.Stopping():
			cancel()
		case <-ctx.Done():
		}
	}()
	s.opened <- struct{}{} // Close waits for it
	defer func() { <-s.opened }()
	c, err := openConn(s.path, "busy_timeout=5000", "cache_size=-1024")
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, c), c.close())
}

// checkup looks through all of a file.
func (c *conn) checkup(ctx context.Context, to *core.Checkup, sums map[string]string) error {
	err := to.All(func(sql string, args []any, row func(core.Row) error) error { return c.query(ctx, sql, args, row) }, core.Tables, sums)
	if err != nil {
		return err
	}
	return c.query(ctx, "PRAGMA integrity_check(100)", nil, func(r core.Row) error {
		if found := r.Text(0); found != "ok" {
			to.Damage("SQLite: " + found)
		}
		return nil
	})
}

// writeBackup makes a backup at path of what fill writes to a file, which is there and empty: an SQLite file with all tables. A backup that
// is not whole is not there.
func writeBackup(ctx context.Context, path string, about store.Contents, fill func(part string) error) (_ *store.Contents, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, store.Setupf("backup to %s: the file is there already; name a new one", path)
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // SQLite would let others read it
	if errors.Is(err, fs.ErrExist) {
		return nil, store.Setupf("backup to %s: another one is being written there; if not, remove %s", path, part)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("backup to %s: %w", path, errors.Join(err, os.Remove(part)))
		}
	}()
	about.Taken = time.Now().UTC()
	if err := fill(part); err != nil {
		return nil, err
	}
	c := &core.Checkup{Contents: about, Clock: hub.RealClock{}}
	if err := seal(ctx, part, c); err != nil {
		return nil, err
	}
	return &c.Contents, errors.Join(f.Sync(), appear(part, path))
}

// seal writes the table of a backup.
func seal(ctx context.Context, path string, c *core.Checkup) (err error) {
	to, err := openConn(uri(path), "journal_mode=MEMORY", "synchronous=OFF")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	rows := map[string]string{}
	if err := to.checkup(ctx, c, rows); err != nil {
		return err
	}
	rows[backupOf], rows[backupTaken], rows[backupVersion] = c.Of, c.Taken.Format(time.RFC3339Nano), c.Version
	if err := to.script("BEGIN;" + backupTable); err != nil {
		return err
	}
	for name, value := range rows {
		if _, err := to.exec("INSERT INTO backup VALUES(?,?)", name, value); err != nil {
			return err
		}
	}
	return to.script("COMMIT")
}

// appear gives a durable file its name, durably.
func appear(part, path string) error {
	if err := os.Rename(part, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Backup is a backup that is read.
type Backup struct {
	c     *conn
	path  string
	about map[string]string // its table
}

// OpenBackup opens the backup in a file, which it does not change. The caller closes it. What is no backup of a store of this version is a store.ErrSetup.
func OpenBackup(ctx context.Context, path string) (*Backup, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, store.Setupf("backup: %w", err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil, store.Setupf("backup: %s is a store: a hub runs on it, or was killed; write sqlite:%[1]s, or name a backup", path)
	}
	c, err := openConn(uri(path)+"?immutable=1", "query_only=ON")
	if err != nil {
		return nil, err
	}
	b := &Backup{c: c, path: path, about: map[string]string{}}
	if err := b.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("backup %s: %w", path, err), c.close())
	}
	return b, nil
}

func (b *Backup) open(ctx context.Context) error {
	if err := migrate(b.c, false); err != nil {
		return err
	}
	if n, err := b.c.number("SELECT count(*) FROM sqlite_schema WHERE name='backup'"); err != nil || n == 0 {
		return errors.Join(err, store.Setupf("this is a store and no backup of one: write sqlite:%s, or name a backup", b.path))
	}
	return b.c.query(ctx, "SELECT name, value FROM backup", nil, func(r core.Row) error {
		b.about[r.Text(0)] = r.Text(1)
		return nil
	})
}

// Verify looks at each row, and whether they are those that were written.
func (b *Backup) Verify(ctx context.Context) (*store.Contents, error) {
	c := &core.Checkup{Contents: store.Contents{Of: b.about[backupOf], Version: b.about[backupVersion]}, Clock: hub.RealClock{}}
	c.Taken, _ = time.Parse(time.RFC3339, b.about[backupTaken])
	sums := map[string]string{}
	if err := b.c.checkup(ctx, c, sums); err != nil {
		return nil, fmt.Errorf("backup %s: %w", b.path, err)
	}
	for _, t := range core.Tables {
		if sums[t.Name] != b.about[t.Name] {
			c.Damage(fmt.Sprintf("%s: the rows are not those that were written: their count and SHA-256 are %s, and were %s", t.Name, sums[t.Name], b.about[t.Name]))
		}
	}
	return &c.Contents, nil
}

// Rows reads the tables of the backup. seq is the last number that the store may have given.
func (b *Backup) Rows(ctx context.Context) (query core.Query, seq int64, err error) {
	seq, err = b.c.number("SELECT value FROM meta WHERE key='seq'")
	return func(sql string, args []any, row func(core.Row) error) error { return b.c.query(ctx, sql, args, row) }, seq, err
}

// Restore makes a store of the backup in a new file.
func (b *Backup) Restore(path string) (err error) {
	if path, err = filepath.Abs(path); err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := lockPath(lock); err != nil {
		return err
	}
	for _, of := range []string{"", "-wal", "-journal"} {
		if _, err := os.Lstat(path + of); !errors.Is(err, fs.ErrNotExist) {
			return store.Setupf("%s is there already: a backup is restored where no store is; name another file, or move this one away", path+of)
		}
	}
	part := path + ".part"
	if err := copyFile(b.path, part); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	c, err := openConn(uri(part), "synchronous=EXTRA")
	if err != nil {
		return err
	}
	if err := errors.Join(c.script("DROP TABLE backup"), c.close()); err != nil {
		return err
	}
	return appear(part, path)
}

// Close closes the file.
func (b *Backup) Close() error { return b.c.close() }

// uri names a file to SQLite, whatever characters its name has.
func uri(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// Copied makes a backup of a store in another database: put takes a row of a table as that database has it, and fill gives the last
// number that the store may have given.
func Copied(ctx context.Context, path string, about store.Contents, fill func(put func(t *core.Table, r core.Row) error) (seq int64, err error)) (*store.Contents, error) {
	return writeBackup(ctx, path, about, func(part string) (err error) {
		c, err := openConn(uri(part), "page_size=4096", "auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF", "temp_store=MEMORY")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		if err := migrate(c, true); err != nil {
			return err
		}
		if err := c.script("BEGIN"); err != nil {
			return err
		}
		seq, err := fill(func(t *core.Table, r core.Row) error {
			table := t.Name
			if table == "records" {
				table = sqlOf(r.Text(0)).table
			}
			_, err := c.exec("INSERT INTO "+table+"("+strings.Join(t.Columns, ",")+") VALUES(?"+strings.Repeat(",?", len(t.Columns)-1)+")", t.ForSQLite(r)...)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := c.exec("INSERT INTO meta VALUES('seq',?),('epoch',0)", seq); err != nil {
			return err
		}
		return c.script("COMMIT")
	})
}
