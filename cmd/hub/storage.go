package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"orderhub/hub"
	"orderhub/hub/store"
)

// storage is an opened store with its flight recorder.
type storage struct {
	hub.Store
	url      string // sqlite:hub.db
	file     string // "": in memory
	fresh    bool   // the file was made now
	crashed  int    // messages that ran when the last run ended uncleanly
	recorder *hub.Recorder
}

// storeURL is the store of a configuration; $HUB_STORE wins.
func storeURL(configured string) string {
	if url := os.Getenv("HUB_STORE"); url != "" {
		return url
	}
	return configured
}

// storeFile is the file of a store's URL; "" for memory.
func storeFile(url string) string {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(path, "//")
}

// openStorage opens the store and settles what the last run left.
func openStorage(ctx context.Context, url string, clock hub.Clock, log *slog.Logger) (*storage, error) {
	s := &storage{url: url, file: storeFile(url)}
	s.fresh = s.file == "" || !exists(s.file)
	var err error
	if s.Store, err = store.Open(ctx, url, store.Options{Clock: clock, Log: log}); err != nil {
		return nil, err
	}
	if err := s.recover(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *storage) recover(ctx context.Context) error {
	if s.file == "" {
		return nil
	}
	recorder, running, err := hub.OpenRecorder(s.file + ".running")
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

// folder is where the store lies: the control socket lies beside it.
func folder(url string) string {
	if file := storeFile(url); file != "" {
		return filepath.Dir(file)
	}
	return "."
}
