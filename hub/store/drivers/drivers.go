// Package drivers opens stores.
package drivers

import (
	"context"
	"strings"

	"orderhub/hub/store"
	"orderhub/hub/store/memory"
	"orderhub/hub/store/postgres"
	"orderhub/hub/store/sqlite"
)

// Open opens the store that url names: "sqlite:path", "memory:" or "postgres://…". The caller
// closes it. Its error is a store.ErrSetup or of the disk or server; a *wal.Damage says what is lost for good.
func Open(ctx context.Context, url string, o store.Options) (store.Store, error) {
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case kind == "postgres" || kind == "postgresql":
		return opened(postgres.Open(ctx, url, postgres.Options{Options: o}))
	case found && kind == "memory":
		return memory.New(o), nil
	case found && kind == "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.Contains(path, "?") {
			return nil, store.Setupf("store %q: give the path of a file without %q: sqlite:var/hub.db", url, "?")
		}
		return opened(sqlite.Open(ctx, path, o))
	}
	return nil, store.Setupf("store %q: unknown kind; write memory:, sqlite:file or postgres://…", kind+":")
}

// opened is what a driver's Open gave, without a nil pointer in the interface.
func opened[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
