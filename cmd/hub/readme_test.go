package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/screen"
)

// TestReadmeFault: the fault that the README makes in the shipped configuration is told in its very words.
func TestReadmeFault(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^\\$ go run ./cmd/hub validate\n(.*?)^```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("the README shows no fault")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "config"), os.DirFS("../../config")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config", "pipelines.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("total: =body.total "), []byte("total: =body.totl "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	var out bytes.Buffer
	if code := run(context.Background(), []string{"validate"}, nil, &out, &out); code != 1 {
		t.Fatalf("exit %d\n%s", code, &out)
	}
	has(t, out.String(), string(m[1]))
}

// TestDocumentedVerbs: every command that a document shows has a verb that there is, and every verb is in the table of README.md.
func TestDocumentedVerbs(t *testing.T) {
	var verbs []string
	for _, cmd := range (&cli{Screen: &screen.Screen{}}).root().Commands() {
		verbs = append(append(verbs, cmd.Name()), cmd.Aliases...)
	}
	shown := 0
	command := regexp.MustCompile("(?m)(?:^\\$ |`)(?:go run \\./cmd/)?hub ([a-z][a-z-]*)")
	for _, file := range []string{"../../README.md", "README.md", "../../docs/on-call.md", "../../docs/operate.md", "../../examples/README.md", "../../pipelines/process/README.md", "../../pipelines/scenario/README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			if shown++; !slices.Contains(verbs, m[1]) {
				t.Errorf("%s: hub %s: there is no such verb; there are %s", file, m[1], strings.Join(verbs, ", "))
			}
		}
	}
	table, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range (&cli{Screen: &screen.Screen{}}).root().Commands() {
		if verb := regexp.MustCompile("(?m)^\\|.*`" + cmd.Name() + "\\b"); !verb.Match(table) {
			t.Errorf("the verb %s is not in the table of README.md", cmd.Name())
		}
	}
	if shown < 20 {
		t.Errorf("only %d commands found", shown)
	}
}
