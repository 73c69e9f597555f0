package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"orderhub/hub/store/core"
)

// columns are rows by column, as a statement with unnest takes any number of them: its arguments.
type columns []any

// add adds a row. Its values are as the columns of all other rows have them, or nil.
func (c *columns) add(row ...any) {
	if *c == nil {
		*c = make(columns, len(row))
		for i := range *c {
			(*c)[i] = []any(nil)
		}
	}
	for i, v := range row {
		(*c)[i] = append((*c)[i].([]any), v)
	}
}

// queue puts the statement into a batch, if there are rows. Further arguments follow the columns.
func (c columns) queue(q *pgx.Batch, sql string, more ...any) *pgx.QueuedQuery {
	if c == nil {
		return &pgx.QueuedQuery{}
	}
	return q.Queue(sql, append(c, more...)...)
}

// each calls row for each row of an answer, until that returns core.ErrStop.
func each(rows pgx.Rows, row func(r core.Row) error) error {
	defer rows.Close()
	var r core.Row
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		r = r[:0]
		for _, v := range values {
			r = append(r, v)
		}
		if err := row(r); errors.Is(err, core.ErrStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}

// reads makes of row what a batch calls with the answer of a statement.
func reads(row func(r core.Row)) func(rows pgx.Rows) error {
	return func(rows pgx.Rows) error {
		return each(rows, func(r core.Row) error { row(r); return nil })
	}
}

// ask runs a statement and calls row for each row of its answer.
func ask(ctx context.Context, c *pgx.Conn, row func(r core.Row), sql string, args ...any) error {
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return reads(row)(rows)
}

// exec runs a statement that may run twice.
func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	return s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql, args...)
		return err
	})
}
