package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filesSource is a folder that files of several messages are put into.
func filesSource(t testing.TB, c *cell) source {
	dir := filepath.Join(c.dir, "in")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(_ context.Context, ids []string) error {
		var lines bytes.Buffer
		for _, id := range ids {
			lines.Write(append(body(id), '\n'))
		}
		hidden, name := filepath.Join(dir, "."+ids[0]), filepath.Join(dir, ids[0]+".ndjson")
		if err := os.WriteFile(hidden, lines.Bytes(), 0o600); err != nil {
			return err
		}
		return os.Rename(hidden, name)
	}
	return source{adapter: fmt.Sprintf(`{type: files, dir: %q, match: "*.ndjson", stable: 100ms, poll: 200ms}`, dir), from: `{in: "*.ndjson", format: ndjson}`, put: put}
}

// filesTarget is a folder with a file per message, named by the hub's ID of it.
func filesTarget(t testing.TB, c *cell) target {
	dir := filepath.Join(c.dir, "out")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	arrived, read := newTally(), map[string]bool{}
	count := func() (map[string]int, error) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if read[e.Name()] || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			var m struct{ ID string }
			if err := json.Unmarshal(b, &m); err != nil {
				return nil, fmt.Errorf("%s is not whole: %w", e.Name(), err)
			}
			read[e.Name()] = true
			arrived.add(m.ID, false)
		}
		return arrived.count()
	}
	return target{adapter: fmt.Sprintf("{type: files, dir: %q}", dir), step: `send: {out: "{id}.json"}`, count: count}
}
