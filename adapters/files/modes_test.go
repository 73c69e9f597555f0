package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Nothing that the adapter makes can be read by everybody on the machine.
func TestFault_S9_Modes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox", "deep")
	target := openTarget(t, dir, "order.json")
	if err := target.Send(t.Context(), message("m1", `{}`, nil)); err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(dir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info := must(os.Stat(path))
		if want := map[bool]fs.FileMode{true: 0o750, false: 0o640}[d.IsDir()]; info.Mode().Perm()&^want != 0 {
			t.Errorf("%s has %v", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
