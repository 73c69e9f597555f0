package sqlite

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub/store"
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	if asChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, path string, o store.Options) *Store {
	t.Helper()
	s, err := Open(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
