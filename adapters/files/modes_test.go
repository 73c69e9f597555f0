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

// A key becomes a file name whatever it holds, and no two keys the same.
func TestFault_M5_KeysInFileNames(t *testing.T) {
	dir := t.TempDir()
	target := openTarget(t, dir, "order-{correlation}.json")
	for _, key := range []string{"W-1", "A/B", "A%2FB", "..", "../../etc/passwd", "x\ny", "a\x00b", "\x1b[2J", `a\b`, "\xff"} {
		m := message("m", key, nil)
		m.Correlation = key
		if err := target.Send(t.Context(), m); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	wantStrings(t, names(t, dir), "order-%1B[2J.json", "order-%2E%2E.json", "order-%2E.%2F..%2Fetc%2Fpasswd.json", "order-%FF.json", "order-A%252FB.json", "order-A%2FB.json",
		"order-W-1.json", "order-a%00b.json", "order-a%5Cb.json", "order-x%0Ay.json")
}
