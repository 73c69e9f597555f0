package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"orderhub/hub/figures"
)

// Figures tells how many files wait for the sources. A folder that is not there holds none.
func (a *Adapter) Figures(_ context.Context, to *figures.Set) error {
	a.mu.Lock()
	sources := slices.Clone(a.sources)
	a.mu.Unlock()
	for _, s := range sources {
		n, err := s.waiting()
		if err != nil {
			return err
		}
		to.Put(figures.Lag, int64(n), a.env.Name, s.pattern+s.only, "")
	}
	return nil
}

func (s *Source) waiting() (int, error) {
	root, err := os.OpenRoot(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, classify(err, s.dir)
	}
	defer root.Close()
	names, err := (&run{Source: s, root: root}).list()
	return len(names), err
}
