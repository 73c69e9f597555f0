package postgres

import (
	"context"
	"log/slog"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

func pgNumber(t testing.TB, url, sql string, args ...any) (n int64) {
	t.Helper()
	c := storetest.PostgresConn(t, url)
	defer c.Close(context.Background())
	if err := c.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

var ctx = context.Background()

var silent = slog.New(slog.DiscardHandler)

func openPg(t testing.TB, url string, o Options) *Store {
	t.Helper()
	if o.Log == nil {
		o.Log = storetest.StrictLog(t)
	}
	s, err := Open(context.Background(), url, o)
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
	hubtest.Store(t, func(t *testing.T) store.Store { return openPg(t, storetest.PostgresSchema(t), Options{}) })
}

func TestPostgresShared(t *testing.T) {
	hubtest.SharedStore(t, func(t *testing.T) func() store.Store {
		url := storetest.PostgresSchema(t)
		return func() store.Store { return openPg(t, url, Options{}) }
	})
}
