package drivers

import (
	"context"
	"path/filepath"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/hub/store"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var ctx = context.Background()

func open(t testing.TB, url string, o store.Options) store.Store {
	t.Helper()
	s, err := Open(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLite(t *testing.T) {
	hubtest.Store(t, func(t *testing.T) store.Store {
		return open(t, "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	})
}

func TestSQLiteSmallRing(t *testing.T) {
	hubtest.Store(t, func(t *testing.T) store.Store {
		return open(t, "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), store.Options{RingCount: 4})
	})
}

func TestMemory(t *testing.T) {
	hubtest.Store(t, func(t *testing.T) store.Store { return open(t, "memory:", store.Options{}) })
}
