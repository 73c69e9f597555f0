package yamlfile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the want parts of testdata")

type limits struct {
	Max   int           `yaml:"max" doc:"how many" min:"1" max:"100" default:"7"`
	Burst time.Duration `yaml:"burst" doc:"time" min:"2s" max:"1h"`
}

// thing holds one field of each kind that the goldens need.
type thing struct {
	Name   string            `yaml:"name" doc:"name"`
	List   []string          `yaml:"list" doc:"texts"`
	Flag   bool              `yaml:"flag" doc:"flag"`
	Count  int               `yaml:"count" doc:"number" max:"1000"`
	Wait   time.Duration     `yaml:"wait" doc:"time" default:"30s"`
	Size   int64             `yaml:"size" doc:"size" unit:"bytes" default:"1MiB"`
	Mode   string            `yaml:"mode" doc:"mode" oneof:"fast|slow"`
	Limits limits            `yaml:"limits" doc:"limits"`
	Ops    map[string]limits `yaml:"ops" doc:"by name"`
	When   instant           `yaml:"when" doc:"time of day"`
}

// instant is a TextUnmarshaler.
type instant struct{ time.Time }

func (i *instant) UnmarshalText(b []byte) error {
	t, err := time.Parse("2006-01-02", string(b))
	i.Time = t
	return err
}

func testLoader(env map[string]string) *Loader {
	l := NewLoader()
	l.Env = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	l.SecretsDir = "nosecrets"
	return l
}

func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) < 25 {
		t.Fatalf("only %d goldens found", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			how, in, want := readArchive(t, file)
			src := []byte(in)
			if strings.Contains(file, "crlf") {
				src = []byte("\ufeff" + strings.ReplaceAll(string(src), "\n", "\r\n"))
			}
			l := testLoader(map[string]string{"HOST": "h"})
			n, ok := l.Parse("in.yaml", src)
			if ok {
				use(n, how)
			}
			var b strings.Builder
			l.Problems.WriteText(&b, true, false)
			if *update {
				want = b.String()
				if err := os.WriteFile(file, []byte(how+inMark+in+wantMark+want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if b.Len() == 0 {
				t.Error("no problem found")
			}
			if d := cmp.Diff(want, b.String()); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

const inMark, wantMark = "\n-- in.yaml --\n", "-- want --\n"

// readArchive reads a txtar of two files. (rogpeppe's txtar package needs golang.org/x/tools, which go.sum lacks.)
func readArchive(t *testing.T, file string) (how, in, want string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	how, rest, ok := strings.Cut(string(b), inMark)
	in, want, ok2 := strings.Cut(rest, wantMark)
	if !ok || !ok2 {
		t.Fatalf("%s is no archive of in.yaml and want", file)
	}
	return how, in, want
}

func use(n *Node, how string) {
	switch how {
	case "decode":
		n.Decode(&thing{}, "thing")
	case "any":
		n.Any()
	case "like":
		for _, v := range n.Entries() {
			v.WarnIfFormulaLike()
		}
	}
}
