package sql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// sqlType is what matters of a type of the database. A domain is the type that it is made of.
type sqlType struct {
	oid  uint32
	elem *sqlType // of an array
}

// types knows the types by their number. Those of extensions and users are asked for once.
type types struct {
	builtin *pgtype.Map
	mu      sync.Mutex
	known   map[uint32]*sqlType
}

func newTypes() *types { return &types{builtin: pgtype.NewMap(), known: map[uint32]*sqlType{}} }

// firstUserOID is where the numbers of types begin that the server's version does not settle.
const firstUserOID = 16384

// of are the types with those numbers.
func (t *types) of(ctx context.Context, conn *pgconn.PgConn, oids []uint32) ([]*sqlType, error) {
	out := make([]*sqlType, len(oids))
	for i, oid := range oids {
		var err error
		if out[i], err = t.one(ctx, conn, oid); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *types) one(ctx context.Context, conn *pgconn.PgConn, oid uint32) (*sqlType, error) {
	t.mu.Lock()
	k := t.known[oid]
	t.mu.Unlock()
	if k != nil {
		return k, nil
	}
	k = &sqlType{oid: oid}
	if b, ok := t.builtin.TypeForOID(oid); ok {
		if array, ok := b.Codec.(*pgtype.ArrayCodec); ok {
			k.elem = &sqlType{oid: array.ElementType.OID}
		}
	} else if oid >= firstUserOID {
		var err error
		if k, err = t.ask(ctx, conn, oid); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[oid] = k
	return k, nil
}

// ask reads the catalog.
func (t *types) ask(ctx context.Context, conn *pgconn.PgConn, oid uint32) (*sqlType, error) {
	r := conn.ExecParams(ctx, "select typbasetype::int8, case when typcategory = 'A' then typelem::int8 else 0 end from pg_type where oid = $1",
		[][]byte{[]byte(strconv.FormatUint(uint64(oid), 10))}, []uint32{pgtype.OIDOID}, nil, nil).Read()
	k := &sqlType{oid: oid}
	if r.Err != nil || len(r.Rows) == 0 {
		return k, r.Err
	}
	base, _ := strconv.ParseUint(string(r.Rows[0][0]), 10, 32)
	elem, _ := strconv.ParseUint(string(r.Rows[0][1]), 10, 32)
	switch {
	case base != 0:
		return t.one(ctx, conn, uint32(base))
	case elem != 0:
		e, err := t.one(ctx, conn, uint32(elem))
		k.elem = e
		return k, err
	}
	return k, nil
}

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
