package storetest

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresBase is a database for tests, as a URL without a schema. Without a server the test is skipped.
func PostgresBase(t testing.TB) string {
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

// PostgresSchema is the URL of a schema of the test's own, which is dropped after it.
func PostgresSchema(t testing.TB) string {
	t.Helper()
	base := PostgresBase(t)
	schema := fmt.Sprintf("t%x", time.Now().UnixNano())
	t.Cleanup(func() { PostgresExec(t, base, "DROP SCHEMA IF EXISTS "+schema+" CASCADE") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// PostgresConn is a connection that the caller closes.
func PostgresConn(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// PostgresExec runs a statement.
func PostgresExec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	c := PostgresConn(t, url)
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
