package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// isMissingColumn tells of a statement that names a column which the table has not, or lets nobody write.
func isMissingColumn(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "42703" || e.Code == "0A000" && strings.Contains(e.Message, "system column"))
}

// columns are the names of a table's columns, in their order.
func (s *session) columns(ctx context.Context, table pgx.Identifier) (names []string, err error) {
	r := s.Conn.Conn().PgConn().ExecParams(ctx, "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum",
		[][]byte{[]byte(table.Sanitize())}, nil, nil, nil).Read()
	for _, row := range r.Rows {
		names = append(names, string(row[0]))
	}
	return names, s.fault(ctx, r.Err)
}

// nearest is PostgreSQL's own guess at the column that was meant.
func (s *session) nearest(ctx context.Context, table pgx.Identifier, column string) string {
	_, err := s.Conn.Conn().PgConn().Prepare(ctx, "", fmt.Sprintf("select %s from %s", quote(column), table.Sanitize()), nil)
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Hint == "" {
		return ""
	}
	return ". " + e.Hint
}
