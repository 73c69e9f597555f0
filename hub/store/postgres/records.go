package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Get reads a record.
func (s *Store) Get(ctx context.Context, kind, key string) (r hub.Record, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		r, err = pgRecord(kind, c.QueryRow(ctx, "SELECT key, version, value, expires, crc FROM records WHERE kind=$1 AND key=$2 AND (expires IS NULL OR expires>$3)",
			kind, []byte(key), core.Nanos(s.o.Clock.Now())))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("record %s %q: %w", kind, key, hub.ErrNotFound)
	}
	return r, err
}

// List pages through the records of a kind.
func (s *Store) List(ctx context.Context, kind, prefix, after string, limit int) (out []hub.Record, err error) {
	where, args := inRange("kind=$1", []any{kind}, prefix, after)
	args = append(args, core.Nanos(s.o.Clock.Now()), limit)
	sql := fmt.Sprintf("SELECT key, version, value, expires, crc FROM records WHERE %s AND (expires IS NULL OR expires>$%d) ORDER BY key LIMIT nullif($%d, 0)", where, len(args)-1, len(args))
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := pgRecord(kind, rows)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return rows.Err()
	})
	return out, err
}

// Counters reads counters.
func (s *Store) Counters(ctx context.Context, kind, prefix string) (out map[string]int64, err error) {
	where, args := inRange("kind=$1", []any{kind}, prefix, "")
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = map[string]int64{}
		rows, err := c.Query(ctx, "SELECT key, value FROM counters WHERE "+where, args...)
		if err != nil {
			return err
		}
		var key []byte
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error { out[string(key)] = n; return nil })
		return err
	})
	return out, err
}

// inRange adds that the key has the prefix and comes after a key, so that an index can be used.
func inRange(where string, args []any, prefix, after string) (string, []any) {
	add := func(sql string, key []byte) {
		args = append(args, key)
		where += fmt.Sprintf(" AND key%s$%d", sql, len(args))
	}
	add(">=", []byte(prefix))
	if after != "" {
		add(">", []byte(after))
	}
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
		add("<", end)
	}
	return where, args
}
