package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/hub/store"
)

// TestFault_R2_StoreGone: a store whose file was lost after a clean stop is no new one; who removes the flight recorder says that it may be.
func TestFault_R2_StoreGone(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hub.db")
			start := func() error {
				s, err := openStorage(t.Context(), "sqlite:"+path, store.Options{})
				if err == nil {
					err = s.close()
				}
				return err
			}
			for range 2 {
				if err := start(); err != nil {
					t.Fatal(err)
				}
			}
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*exit.Error](start()); !ok || e.Code != exit.Store {
				t.Errorf("it starts: %v", e)
			}
			if err := os.Remove(path + recorderSuffix); err != nil {
				t.Fatal(err)
			}
			if err := start(); err != nil {
				t.Errorf("it does not begin anew: %v", err)
			}
		})
	}
}
