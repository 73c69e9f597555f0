package pipelines_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

var update = flag.Bool("update", false, "rewrite the want parts of testdata/lint")

// selfEvident are messages that say what is wanted themselves.
var selfEvident = regexp.MustCompile(`; write | needs a | takes \d+ value| must be `)

// TestLint: one fault a file, one problem, at the right place, with a help. An archive holds pipelines.yaml, the files
// it names and `want`; a comment above says what the fault is. Files of testdata/lint/common are beside every one.
func TestLint(t *testing.T) {
	files, _ := filepath.Glob("testdata/lint/*.txtar")
	if len(files) < 150 {
		t.Fatalf("only %d archives found", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a := readArchive(t, file)
			problems := lint(t, a)
			got := text(problems, a.dir)
			if *update {
				a.set("want", got)
				a.write(t, file)
			}
			if d := cmp.Diff(a.get("want"), got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			all := problems.All()
			if len(all) != 1 {
				t.Errorf("%d problems, but one fault", len(all))
			}
			for _, p := range all {
				if p.Help == "" && !selfEvident.MatchString(p.Message) {
					t.Errorf("nobody is told what to write: %s", p.Message)
				}
				if p.Line == 0 || p.Col == 0 {
					t.Errorf("no place: %s", p.Message)
				}
			}
		})
	}
}

// TestLintAccepts: what stands in the archives of testdata/valid is right, and nothing is said of it.
func TestLintAccepts(t *testing.T) {
	files, _ := filepath.Glob("testdata/valid/*.txtar")
	if len(files) == 0 {
		t.Fatal("no archives found")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a := readArchive(t, file)
			if got := text(lint(t, a), a.dir); got != "" {
				t.Error(got)
			}
		})
	}
}

// lint loads the archive's pipelines.yaml in a folder of its own.
func lint(t *testing.T, a *archive) *yamlfile.Problems {
	t.Helper()
	a.dir = t.TempDir()
	if err := os.CopyFS(a.dir, os.DirFS("testdata/lint/common")); err != nil {
		t.Fatal(err)
	}
	for _, f := range a.files {
		path := filepath.Join(a.dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reg := language()
	reg.Components = shelf()
	loader := yamlfile.NewLoader()
	loader.Env = func(string) (string, bool) { return "", false }
	loader.SecretsDir = filepath.Join(a.dir, "secrets")
	_, problems := pipelines.Load(filepath.Join(a.dir, "pipelines.yaml"), &reg, loader)
	return problems
}

func text(p *yamlfile.Problems, dir string) string {
	var b strings.Builder
	p.WriteText(&b, true, false)
	return strings.ReplaceAll(b.String(), dir+string(filepath.Separator), "")
}

// archive is a txtar: a comment, then files behind lines `-- name --`. (rogpeppe's txtar needs golang.org/x/tools.)
type archive struct {
	comment string
	files   []archived
	dir     string // where lint put the files
}

type archived struct{ name, text string }

func readArchive(t *testing.T, file string) *archive {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{}
	for line := range strings.Lines(string(b)) {
		name, isFile := strings.CutPrefix(strings.TrimSuffix(line, " --\n"), "-- ")
		switch {
		case isFile && strings.HasSuffix(line, " --\n"):
			a.files = append(a.files, archived{name: name})
		case len(a.files) == 0:
			a.comment += line
		default:
			a.files[len(a.files)-1].text += line
		}
	}
	return a
}

func (a *archive) get(name string) string {
	for _, f := range a.files {
		if f.name == name {
			return f.text
		}
	}
	return ""
}

func (a *archive) set(name, text string) {
	a.files = append(slices.DeleteFunc(a.files, func(f archived) bool { return f.name == name }), archived{name, text})
}

func (a *archive) write(t *testing.T, file string) {
	t.Helper()
	out := a.comment
	for _, f := range a.files {
		out += "-- " + f.name + " --\n" + f.text
	}
	if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
