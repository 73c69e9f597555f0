package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// pgBase is a database for tests, as a URL without a schema. Without a server the test is skipped.
func pgBase(t testing.TB) string {
	base := cmp.Or(os.Getenv("HUB_TEST_POSTGRES"), "postgres://hub:hub@127.0.0.1:5432/hubtest?sslmode=disable")
	c, err := pgx.Connect(context.Background(), base)
	if err != nil {
		if os.Getenv("HUB_TEST_SERVERS") == "1" {
			t.Fatalf("PostgreSQL: %v", err)
		}
		t.Skip("no PostgreSQL: set HUB_TEST_POSTGRES")
	}
	c.Close(context.Background())
	return base
}

// pgSchema is the URL of a schema of the test's own, which is dropped after it.
func pgSchema(t testing.TB) string {
	t.Helper()
	base := pgBase(t)
	schema := fmt.Sprintf("t%x", time.Now().UnixNano())
	t.Cleanup(func() { pgExec(t, base, "DROP SCHEMA IF EXISTS "+schema+" CASCADE") })
	return withSchema(t, base, schema)
}

func withSchema(t testing.TB, base, schema string) string {
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func pgConn(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pgExec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	c := pgConn(t, url)
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func pgNumber(t testing.TB, url, sql string, args ...any) (n int64) {
	t.Helper()
	c := pgConn(t, url)
	defer c.Close(context.Background())
	if err := c.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

var silent = slog.New(slog.DiscardHandler)

// strictLog fails the test when the store logs an error.
type strictLog struct {
	slog.Handler
	t testing.TB
}

func (l strictLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l strictLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { r.Message += " " + a.String(); return true })
	l.t.Error("logged: " + r.Message)
	return nil
}

func openPg(t testing.TB, url string, o PostgresOptions) *Postgres {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(strictLog{slog.DiscardHandler, t})
	}
	s, err := OpenPostgres(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPostgres(t *testing.T) {
	hubtest.Store(t, func(t *testing.T) hub.Store { return openPg(t, pgSchema(t), PostgresOptions{}) })
}

func TestPostgresShared(t *testing.T) {
	hubtest.SharedStore(t, func(t *testing.T) func() hub.Store {
		url := pgSchema(t)
		return func() hub.Store { return openPg(t, url, PostgresOptions{}) }
	})
}
