package files

import (
	"os"
	"path/filepath"
	"testing"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// What waits is what a source would read: no files that are being written, none of its own folders, none that do not match.
func TestFiguresCountWhatWaits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.csv", "b.csv", "c.txt", ".d.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]float64{dir: 2, filepath.Join(dir, "none"): 0} {
		cfg := defaultConfig()
		cfg.Dir = folder
		a, err := definition().New(cfg, &hub.Env{Name: "in"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.OpenSource("*.csv", &SourceConfig{}); err != nil {
			t.Fatal(err)
		}
		to := &figures.Set{}
		if err := a.Figures(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if n := to.Snapshot().Sum(figures.Lag, "in", "*.csv"); n != want {
			t.Errorf("%s: %v files wait, %v are there", folder, n, want)
		}
	}
}
