package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/hub/engine"
	"orderhub/hub/mask"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// storage is an opened store with its flight recorder.
type storage struct {
	store.Store
	url      string // sqlite:hub.db
	file     string // "": in memory
	fresh    bool   // the file was made now
	crashed  int    // messages that ran when the last run ended uncleanly
	recorder *engine.Recorder
}

// recorderSuffix makes the store's file the name of its flight recorder.
const recorderSuffix = ".running"

// openStorage opens the store and settles what the last run left.
func openStorage(ctx context.Context, url string, o store.Options) (*storage, error) {
	s := &storage{url: url, file: config.StoreFile(url)}
	s.fresh = !shared(url) && (s.file == "" || !config.Exists(s.file))
	o.Hub = instance()
	if err := lostFile(s.file); err != nil {
		return nil, exit.With(exit.Store, err)
	}
	var err error
	if s.Store, err = drivers.Open(ctx, url, o); err == nil {
		if err = s.recover(ctx); err != nil {
			err = errors.Join(err, s.close())
		}
	}
	switch {
	case errors.Is(err, store.ErrSetup):
		return nil, exit.With(exit.Config, err)
	case err != nil:
		return nil, exit.With(exit.Store, err)
	}
	return s, nil
}

// shared tells that several hubs may use the store.
func shared(url string) bool {
	return strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:")
}

// instance names this hub among those that share a store: $HUB_INSTANCE, else
// the machine and the folder of the control socket. When it starts again it takes over what it had.
func instance() string {
	if name := os.Getenv("HUB_INSTANCE"); name != "" {
		return name
	}
	host, _ := os.Hostname() // "" if it has none
	dir := cmp.Or(os.Getenv("HUB_HOME"), ".")
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return host + ":" + dir
}

// lostFile is the error of a store whose file is gone or empty though a hub ran on it: its flight recorder is still
// there. To begin with an empty store in its place would lose all that was acknowledged without a word.
func lostFile(file string) error {
	if file == "" || !config.Exists(file+recorderSuffix) {
		return nil
	}
	if info, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) && (err != nil || info.Size() > 0) {
		return nil
	}
	return fmt.Errorf("the store %s is gone or empty, though a hub ran on it: %[1]s%s is there. "+
		"Nothing was changed. Put the file back, or restore a backup; to begin with an empty store, remove %[1]s%[2]s",
		file, recorderSuffix)
}

// shown is the store's URL for people, without a password.
func (s *storage) shown() string { return mask.URL(s.url) }

func (s *storage) recover(ctx context.Context) error {
	file := s.file
	if shared(s.url) { // crashes are of this hub: they are counted beside its control socket
		file = filepath.Join(os.Getenv("HUB_HOME"), "hub")
	}
	if file == "" {
		return nil
	}
	recorder, running, err := engine.OpenRecorder(file + recorderSuffix)
	if err != nil {
		return err
	}
	s.recorder, s.crashed = recorder, len(running)
	if err := s.Recover(ctx, running); err != nil {
		return err
	}
	recorder.Clear()
	return nil
}

// close is called when nothing uses the store any more.
func (s *storage) close() error {
	return errors.Join(s.recorder.Close(), s.Store.Close())
}

// OpenFile opens the configured store's file to read it, when no hub runs on it.
func OpenFile(ctx context.Context, gone *api.Unreachable) (store.Store, error) {
	url := config.DefaultStore()
	if file := config.StoreFile(url); file == "" || !config.Exists(file) {
		return nil, exit.With(exit.Unreachable, gone)
	}
	st, err := drivers.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, exit.With(exit.Unreachable, fmt.Errorf("no hub answers at %s, and %w; name its socket with --hub or HUB_HOME", gone.Socket, err))
	}
	return st, nil
}
