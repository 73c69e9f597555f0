package examples

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is a schema of the test's own in the shared database.
type database struct {
	t    testing.TB
	url  string // with that schema
	conn *pgx.Conn
}

func newDatabase(t testing.TB, schema string) *database {
	t.Helper()
	d := &database{t: t}
	u, err := url.Parse(env("HUB_TEST_POSTGRES", "postgres://hub:hub@127.0.0.1:5432/hubtest?sslmode=disable"))
	if err != nil {
		t.Fatal("HUB_TEST_POSTGRES is no URL")
	}
	reachable(t, "PostgreSQL", u.Host)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	d.url = u.String()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if d.conn, err = pgx.Connect(ctx, d.url); err == nil {
		_, err = d.conn.Exec(ctx, "create schema "+schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d.conn.Exec(ctx, "set client_min_messages = error")
		if _, err := d.conn.Exec(ctx, "drop schema "+schema+" cascade"); err != nil {
			t.Error(err)
		}
		d.conn.Close(ctx)
	})
	return d
}

// rows are the texts of what a query gives.
func (d *database) rows(query string, args ...any) [][]string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := d.conn.Query(ctx, query, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	out := [][]string{}
	for r.Next() {
		var row []string
		for _, raw := range r.RawValues() {
			row = append(row, string(raw))
		}
		out = append(out, row)
	}
	if r.Err() != nil {
		d.t.Fatal(r.Err())
	}
	return out
}

// value is the one value that a query gives.
func (d *database) value(query string, args ...any) string {
	d.t.Helper()
	r := d.rows(query, args...)
	if len(r) != 1 || len(r[0]) != 1 {
		d.t.Fatalf("%s gives %v", query, r)
	}
	return r[0][0]
}
