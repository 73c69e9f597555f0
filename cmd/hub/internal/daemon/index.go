package daemon

import (
	"context"
	"crypto/rand"
	"errors"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// indexKind is the kind of the record that holds the key of the index.
const indexKind = "hub.index"

// index is an index of the paths, with the key that the store has, or gets now. It is the same for all hubs of a store.
func (d *Daemon) index(ctx context.Context, paths []string) (*engine.Index, error) {
	rec, err := d.storage.Get(ctx, indexKind, "key")
	if errors.Is(err, hub.ErrNotFound) {
		key := make([]byte, 32)
		rand.Read(key) // never fails
		err = d.storage.Commit(ctx, &hub.Unit{Writes: []hub.Write{{Kind: indexKind, Key: "key", Value: key}}})
		if err == nil || errors.Is(err, hub.ErrConflict) { // another hub was quicker
			rec, err = d.storage.Get(ctx, indexKind, "key")
		}
	}
	return engine.NewIndex(rec.Value, paths), err
}
