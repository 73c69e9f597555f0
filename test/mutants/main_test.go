package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := parse("# about\n== a-b: what: it is\nfile: x/y.go\ntest: -run A|B ./x\n \tif a {\n-\told\n-\n+\tnew\n \t}\n\n== c: d\n")
	want := []bug{{name: "a-b", what: "what: it is", file: "x/y.go", tests: "-run A|B ./x", old: []string{"\tif a {", "\told", "", "\t}"}, now: []string{"\tif a {", "\tnew", "\t}"}}, {name: "c", what: "d"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, says := range map[string]string{"file: x\n": "bugs.txt:1: an entry begins with", "== a: b\nwhat\n": `bugs.txt:2: "what": begin a line with`} {
		if _, err := parse(text); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestBugsFit: every planted bug has a name of its own, names tests, and fits the code as it is.
func TestBugsFit(t *testing.T) {
	all, err := parse(bugs)
	if err != nil || len(all) < 30 {
		t.Fatal(len(all), err)
	}
	seen := map[string]bool{}
	for _, b := range all {
		code, err := os.ReadFile(filepath.Join("..", "..", b.file))
		if err != nil || strings.Count(string(code), strings.Join(b.old, "\n")) != 1 || reflect.DeepEqual(b.old, b.now) {
			t.Errorf("%s does not fit %s (%v)", b.name, b.file, err)
		}
		if seen[b.name] || b.what == "" || !strings.Contains(b.tests, "-run ") {
			t.Errorf("%s: its name is taken, or it names no tests", b.name)
		}
		seen[b.name] = true
	}
}

// TestVerdicts: a bug is caught by a test that fails, and by nothing else.
func TestVerdicts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module m\n\ngo 1.24\n",
		"m.go":      "package m\n\nfunc two() int { return 2 }\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif two() != 2 {\n\t\tt.Error(two())\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := []string{"func two() int { return 2 }"}
	for now, says := range map[string]string{
		"func two() int { return 3 }":     "",
		"func two() int { return 1 + 1 }": "go test -run TestTwo . passes",
		"func two() int { return x }":     "it does not compile",
	} {
		err := bug{file: "m.go", tests: "-run TestTwo .", old: old, now: []string{now}}.try(dir)
		if says == "" && err != nil || says != "" && (err == nil || !strings.HasPrefix(err.Error(), says)) {
			t.Errorf("%s: %v", now, err)
		}
	}
	if err := (bug{file: "m.go", tests: "-run TestThree .", old: old, now: []string{"func two() int { return 3 }"}}).try(dir); err == nil || !strings.Contains(err.Error(), "runs no test") {
		t.Error(err)
	}
	if err := (bug{file: "m.go", old: []string{"three"}}).try(dir); err == nil || !strings.Contains(err.Error(), "stand 0 times") {
		t.Error(err)
	}
}
