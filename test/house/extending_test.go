package house

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestExtending follows docs/extending.md in a copy of the checkout: the adapter and the pattern of its listings pass their own tests, and
// with one line each in components.go they are known wherever a configuration may name them.
func TestExtending(t *testing.T) {
	dir := t.TempDir()
	checkout(t, dir)
	for _, l := range listings(t, read(t, "docs/extending.md")) {
		if l.language == "diff" {
			apply(t, filepath.Join(dir, l.file), l.text)
		} else {
			write(t, filepath.Join(dir, l.file), l.text)
		}
	}
	inside := func(name string, args ...string) string { return command(t, dir, name, args...) }
	inside("gofmt", "-l", "adapters/journal", "pipelines/note")
	inside("go", "vet", "./adapters/journal", "./pipelines/note")
	inside("go", "test", "./adapters/journal", "./pipelines/note")
	inside("go", "build", "-o", "bin/hub", "./cmd/hub")

	example := filepath.Join(dir, "example")
	hub := func(args ...string) string {
		return command(t, example, "../bin/hub", append(args, "--hub", example)...)
	}
	hub("validate", "pipelines.yaml")
	bad := filepath.Join(dir, "bad.yaml")
	write(t, bad, "adapters: {log: {type: journl, dir: .}}\npipelines: {p: {from: log, steps: [{not: x}]}}\n")
	out, _ := exec.Command(filepath.Join(dir, "bin/hub"), "validate", bad).CombinedOutput() // it fails
	has(t, string(out), `did you mean "journal"?`, `did you mean "note"?`)

	web := serve(t, example)
	res, err := http.Post(web+"/orders", "application/json", strings.NewReader(`{"id":"W-1","total":5.20}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the order is answered %s", res.Status)
	}
	trace := func(of string) string { // fails until the history, which is written behind, has something
		out, _ := exec.Command(filepath.Join(dir, "bin/hub"), "trace", of, "--hub", example).Output()
		return string(out)
	}
	until(t, "the trace has both notes", func() bool {
		text := trace("W-1") + trace(res.Header.Get("Hub-Trace"))
		return strings.Contains(text, "the total is 5.20") && strings.Contains(text, "the process has W-1")
	})
	until(t, "the journal has the order", func() bool {
		b, _ := os.ReadFile(filepath.Join(example, "orders.jsonl"))
		return strings.Count(string(b), "\n") == 1
	})
	if got := statuses(t, web); !slices.Contains(got, "200") || slices.Contains(got, "202") {
		t.Errorf("the OpenAPI document promises %q", got)
	}
}

// checkout copies what belongs to the project, with what was not committed yet.
func checkout(t *testing.T, dir string) {
	for name := range strings.Lines(command(t, root, "git", "ls-files", "--cached", "--others", "--exclude-standard")) {
		name = strings.TrimSpace(name)
		if b, err := os.ReadFile(filepath.Join(root, name)); err == nil { // else it is deleted, and that not committed
			write(t, filepath.Join(dir, name), string(b))
		}
	}
}

// listing is a block of a page that says which file it is.
type listing struct{ language, file, text string }

// listings are the fenced blocks of a page whose fence names a file: ```go adapters/x/x.go
func listings(t *testing.T, page string) (all []listing) {
	t.Helper()
	var open string // the fence of the block
	for line := range strings.Lines(page) {
		fence := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch words := strings.Fields(line[len(fence):]); {
		case open == "" && len(fence) >= 3 && len(words) == 2:
			open, all = fence, append(all, listing{language: words[0], file: words[1]})
		case open == "" && len(fence) >= 3:
			open, all = fence, append(all, listing{})
		case open != "" && fence == open:
			open = ""
		case open != "":
			all[len(all)-1].text += line
		}
	}
	all = slices.DeleteFunc(all, func(l listing) bool { return l.file == "" })
	if len(all) < 5 || open != "" {
		t.Fatalf("%d listings, the last one open: %q", len(all), open)
	}
	return all
}

// apply adds the lines with a plus, each behind the line of the file that stands above it.
func apply(t *testing.T, file, diff string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, at := string(b), -1
	for line := range strings.Lines(diff) {
		switch {
		case line[0] == '+' && at >= 0:
			text = text[:at] + line[1:] + text[at:]
			at += len(line) - 1
		default:
			i := strings.Index(text, line[1:])
			if i < 0 {
				t.Fatalf("%s has no line %q", file, line[1:])
			}
			at = i + len(line) - 1
		}
	}
	write(t, file, text)
}

// serve runs the hub of a folder until the test is over, and gives the address of its door.
func serve(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command("../bin/hub", "run", "pipelines.yaml", "-o", "json", "--hub", dir)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var ready struct{ URLs map[string]string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	return ready.URLs["web"]
}

// statuses are the answers to an order that the OpenAPI document of a hub has.
func statuses(t *testing.T, web string) (all []string) {
	t.Helper()
	res, err := http.Get(web + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var api struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.NewDecoder(res.Body).Decode(&api); err != nil {
		t.Fatal(err)
	}
	for status := range api.Paths["/orders"]["post"].Responses {
		all = append(all, status)
	}
	return all
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never:", what)
		}
	}
}
