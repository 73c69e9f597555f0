package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestComponent(t *testing.T) {
	hubtest.Component(t, Component())
}

// folder is the far end of a source: each message put is a file.
type folder struct {
	in *inbox
	n  int
}

func (f *folder) Open(*testing.T) hub.Source { return f.in.open("") }

func (f *folder) Put(_ *testing.T, m *hub.Message) {
	f.n++
	f.in.drop(fmt.Sprintf("%04d", f.n), string(m.Body.Bytes()))
}

func (f *folder) Acked(t *testing.T) int   { return f.count("done") }
func (f *folder) Refused(t *testing.T) int { return f.count("failed") }

func (f *folder) count(dir string) int {
	entries, _ := os.ReadDir(filepath.Join(f.in.dir, dir))
	return len(entries)
}

func TestSourceSuite(t *testing.T) {
	hubtest.Source(t, hubtest.Features{Redelivers: true, Ordered: true, Workers: 1}, func(t *testing.T) hubtest.SourceFar {
		return &folder{in: newInbox(t, func(c *settings) { c.Empty = emptyDeliver; c.Workers = 1 })}
	})
}

// shelf is the far end of a target: the files, oldest first.
type shelf struct {
	dir  string
	seen []string
}

func (s *shelf) Open(t *testing.T) hub.Target { return openTarget(t, s.dir, "{id}") }

func (s *shelf) Got(t *testing.T) (out []*hub.Message) {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(s.seen, e.Name()) {
			s.seen = append(s.seen, e.Name())
		}
	}
	for _, name := range s.seen {
		out = append(out, message(name, string(must(os.ReadFile(filepath.Join(s.dir, name)))), nil))
	}
	return out
}

func TestTargetSuite(t *testing.T) {
	hubtest.Target(t, hubtest.Features{Once: true}, func(t *testing.T) hubtest.TargetFar { return &shelf{dir: t.TempDir()} })
}
