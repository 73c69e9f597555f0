package store

import (
	"context"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store/core"
	"orderhub/hub/store/memory"
	"orderhub/hub/store/postgres"
	"orderhub/hub/store/sqlite"
)

// Options of a store. The zero value is ready for use.
type Options = core.Options

// ErrSetup is in the errors of Open that are mended by naming another store, by another version of the hub, or by
// ending the hub that has the store. All other errors of Open are of the disk or of the server.
var ErrSetup = core.ErrSetup

// Open opens the store that url names: "sqlite:path", "memory:" or "postgres://…". The caller
// closes it. Its error is an ErrSetup or of the disk or server; a *wal.Damage says what is lost for good.
func Open(ctx context.Context, url string, o Options) (hub.Store, error) {
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case kind == "postgres" || kind == "postgresql":
		return opened(postgres.Open(ctx, url, postgres.Options{Options: o}))
	case found && kind == "memory":
		return memory.New(o), nil
	case found && kind == "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.Contains(path, "?") {
			return nil, core.Setupf("store %q: give the path of a file without %q: sqlite:var/hub.db", url, "?")
		}
		return opened(sqlite.Open(ctx, path, o))
	}
	return nil, core.Setupf("store %q: unknown kind; write memory:, sqlite:file or postgres://…", kind+":")
}

// opened is what a driver's Open gave, without a nil pointer in the interface.
func opened[S hub.Store](s S, err error) (hub.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
