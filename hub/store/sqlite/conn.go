package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"orderhub/hub/store/core"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is one SQLite connection with its prepared statements. It is used by
// one goroutine at a time. The driver is used without database/sql, which
// costs a third more per statement.
type conn struct {
	raw   driver.Conn
	stmts map[string]*stmt
}

type stmt struct {
	s    statement
	args []driver.NamedValue
	dest core.Row
}

// statement is what the driver's statements are.
type statement interface {
	driver.StmtExecContext
	driver.StmtQueryContext
	Close() error
}

func openConn(path string, pragmas ...string) (*conn, error) {
	raw, err := new(sqlite.Driver).Open(path)
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, stmts: map[string]*stmt{}}
	for _, p := range pragmas {
		if err := c.script("PRAGMA " + p); err != nil {
			return nil, errors.Join(fmt.Errorf("pragma %s: %w", p, err), raw.Close())
		}
	}
	return c, nil
}

// script runs SQL without arguments once.
func (c *conn) script(sql string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

func (c *conn) prepare(sql string, args []any) (*stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		raw, err := c.raw.Prepare(sql)
		if err != nil {
			return nil, err
		}
		s = &stmt{s: raw.(statement), args: make([]driver.NamedValue, len(args))}
		for i := range s.args {
			s.args[i].Ordinal = i + 1
		}
		c.stmts[sql] = s
	}
	for i, a := range args {
		s.args[i].Value = a
	}
	return s, nil
}

// exec runs a prepared statement and tells how many rows it changed.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return 0, err
	}
	r, err := s.s.ExecContext(context.Background(), s.args)
	for i := range s.args {
		s.args[i].Value = nil
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query calls row for each row of the answer, until that returns core.ErrStop.
func (c *conn) query(ctx context.Context, sql string, args []any, row func(r core.Row) error) (err error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	rows, err := s.s.QueryContext(ctx, s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if s.dest == nil {
		s.dest = make(core.Row, len(rows.Columns()))
	}
	for {
		if err := rows.Next(s.dest); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := row(s.dest); err == core.ErrStop {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// number is the single integer that a query without arguments gives.
func (c *conn) number(sql string) (n int64, err error) {
	err = c.query(context.Background(), sql, nil, func(r core.Row) error {
		n = r.Int(0)
		return nil
	})
	return n, err
}

// written is the number of pages written to the WAL since the last call.
func (c *conn) written() int {
	n, _, err := c.raw.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
	if err != nil {
		return 0
	}
	return n
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// code is SQLite's extended result code of an error; 0 when it is none of its. Its low byte is the primary one.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// fatal tells an error after which nothing more may be promised, unless there was no room.
func fatal(err error) bool {
	switch code(err) & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}
