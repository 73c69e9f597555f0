package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/hub"
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
	if err != nil {
		return nil, ofStore(err)
	}
	return s, nil
}

// ofStore gives an error of a store its exit code.
func ofStore(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrSetup):
		return exit.With(exit.Config, err)
	}
	return exit.With(exit.Store, err)
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

// OpenFile opens the configured store to read it, when no hub runs on its file.
func OpenFile(ctx context.Context, gone *api.Unreachable) (store.Store, error) {
	url := config.DefaultStore()
	if file := config.StoreFile(url); !shared(url) && (file == "" || !config.Exists(file)) {
		return nil, exit.With(exit.Unreachable, gone)
	}
	st, err := drivers.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, exit.With(exit.Unreachable, fmt.Errorf("no hub answers at %s, and %w; name its socket with --hub or HUB_HOME", gone.Socket, err))
	}
	return st, nil
}

// keeper is the store as one on a disk.
func keeper(st store.Store) (store.Keeper, error) {
	if k, ok := st.(store.Keeper); ok {
		return k, nil
	}
	return nil, api.Conflictf("no_disk", "the store is in memory, and ends with its hub: there is nothing to copy or to verify")
}

func (a *admin) backUp(r *http.Request) (*store.Contents, error) {
	var asked api.Backup
	if err := readJSON(r, &asked); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(asked.File) {
		return nil, api.BadRequestf("file %q is no absolute path of the hub's machine", asked.File)
	}
	actOf(r.Context()).On = asked.File
	k, err := keeper(a.storage.Store)
	if err != nil {
		return nil, err
	}
	c, err := k.Backup(r.Context(), asked.File, a.Version.Version)
	if errors.Is(err, store.ErrSetup) {
		return nil, api.Conflictf("no_new_file", "%v", err)
	}
	return c, err
}

func (a *admin) verify(r *http.Request) (*store.Contents, error) {
	k, err := keeper(a.storage.Store)
	if err != nil {
		return nil, err
	}
	return k.Verify(r.Context())
}

// Backup writes a copy of a store that no hub runs on to a file, and records it. version is of this program.
func Backup(ctx context.Context, st store.Store, rec audit.Record, version string) (c *store.Contents, err error) {
	k, err := keeper(st)
	if err == nil {
		c, err = k.Backup(ctx, rec.On, version)
	}
	if err != nil {
		return nil, ofStore(err)
	}
	rec.Act = "backup"
	return c, ofStore(appendRecord(ctx, st, rec))
}

// Verify looks through the store that a URL names, or through the backup in a file.
func Verify(ctx context.Context, what string) (*store.Contents, error) {
	if file := config.StoreFile(what); file != "" && !config.Exists(file) {
		return nil, exit.With(exit.Config, fmt.Errorf("there is no store %s", what))
	}
	c, err := drivers.Verify(ctx, what)
	return c, ofStore(err)
}

// Restore makes a store at url of the backup in the file that the record names, and records it there.
func Restore(ctx context.Context, url string, rec audit.Record) (*store.Contents, error) {
	c, err := drivers.Restore(ctx, rec.On, url)
	if err != nil || c.Damaged > 0 {
		return c, ofStore(err)
	}
	st, err := drivers.Open(ctx, url, store.Options{})
	if err != nil {
		return c, ofStore(err)
	}
	rec.Act = "restore"
	return c, ofStore(errors.Join(appendRecord(ctx, st, rec), st.Close()))
}

// appendRecord records what is done to a store that no hub runs on.
func appendRecord(ctx context.Context, st store.Store, rec audit.Record) error {
	rec.Time, rec.Count, rec.Outcome = time.Now().UTC(), 1, "done"
	return (&audit.Log{Store: st}).Append(ctx, rec, &hub.Unit{}, st.Commit)
}
