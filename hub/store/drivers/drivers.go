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

// Restore makes a store at url of the backup in a file, which is whole, and tells what it holds. Where a store is already, it is a store.ErrSetup. Nothing is
// written of a backup that is damaged: then the contents say how.
func Restore(ctx context.Context, file, url string) (*store.Contents, error) {
	b, err := sqlite.OpenBackup(ctx, file)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	c, err := b.Verify(ctx)
	if err != nil || c.Damaged > 0 {
		return c, err
	}
	switch kind, path, _ := strings.Cut(url, ":"); kind {
	case "postgres", "postgresql":
		return c, postgres.Restore(ctx, url, b)
	case "sqlite":
		return c, b.Restore(strings.TrimPrefix(path, "//"))
	}
	return nil, store.Setupf("store %q: a backup is restored to sqlite:file or postgres://…", url)
}

// Verify looks through the store that a URL names, which nobody uses, or through the backup in a file.
func Verify(ctx context.Context, what string) (*store.Contents, error) {
	if kind, _, found := strings.Cut(what, ":"); !found || strings.Contains(kind, "/") {
		b, err := sqlite.OpenBackup(ctx, what)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		return b.Verify(ctx)
	}
	s, err := Open(ctx, what, store.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	keeper, can := s.(store.Keeper)
	if !can {
		return nil, store.Setupf("store %q has no disk", what)
	}
	return keeper.Verify(ctx)
}

// opened is what a driver's Open gave, without a nil pointer in the interface.
func opened[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
