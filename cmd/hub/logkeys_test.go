package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A key stands once in a log line: a call names each once, and adapters leave out the one that their log has already.
func TestFault_B10_LogKeysOnce(t *testing.T) {
	lines := 0
	for dir, files := range sources(t) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				keys := logKeys(n)
				lines += min(1, len(keys))
				for i, k := range keys {
					if slices.Contains(keys[:i], k) {
						t.Errorf("%s: a log line names %q twice", dir, k)
					}
					if k == "adapter" && strings.Contains(dir, "adapters/") {
						t.Errorf("%s: a log line names its adapter, which the log of its environment does", dir)
					}
				}
				return true
			})
		}
	}
	if lines < 30 {
		t.Errorf("%d log lines were found", lines)
	}
}

// TestLogKeysAreTold: the page of the verbs has all keys of log lines, and no others.
func TestLogKeysAreTold(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## The log\n")
	table, _, _ = strings.Cut(table, "\n## ")
	told, logged := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		told[m[1]] = true
	}
	for dir, files := range sources(t) {
		if under(dir, "adapters", "hub", "cmd", "pipelines", "transforms") && !under(dir, "hub/hubtest") {
			for _, f := range files {
				ast.Inspect(f, func(n ast.Node) bool {
					for _, k := range logKeys(n) {
						if logged[k] = true; !told[k] {
							t.Errorf("%s logs the key %q, which README.md does not tell", dir, k)
						}
					}
					return true
				})
			}
		}
	}
	for k := range told {
		if !logged[k] {
			t.Errorf("README.md tells of the key %q, which no log line has", k)
		}
	}
}

// keysFrom is the place of the first key among the arguments of what logs.
var keysFrom = map[string]int{"With": 0, "Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "log": 2}

// logKeys are the keys of a call that logs.
func logKeys(n ast.Node) (keys []string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	from, logs := keysFrom[sel.Sel.Name]
	if of, ok := sel.X.(*ast.Ident); !logs || ok && of.Name == "http" || sel.Sel.Name == "With" && (!ok || of.Name != "log") {
		return nil
	}
	for i := from; i+1 < len(call.Args); i += 2 {
		if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			key, _ := strconv.Unquote(lit.Value)
			keys = append(keys, key)
		}
	}
	return keys
}

// With --log json each line that the hub writes is an object of JSON, also of a configuration that it refuses.
func TestLogJSON(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/in", 0o700); err != nil {
		t.Fatal(err)
	}
	config := func(name, step string) string {
		yaml := "hub: {store: \"sqlite:" + dir + "/hub.db\"}\nadapters: {in: {type: files, dir: in}}\nchannels: {out: {type: direct}}\n" +
			"pipelines: {p: {from: {in: \"*.json\"}, steps: [" + step + "]}}\n"
		if err := os.WriteFile(dir+"/"+name, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir + "/" + name
	}
	for name, c := range map[string]struct {
		file, want string
		code       int
	}{
		"runs":    {config("good.yaml", "{send: out}"), `"msg":"ready"`, 0},
		"refused": {config("bad.yaml", "{sned: out}"), `"code":"E203"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var out, talk bytes.Buffer
			if code := run(t.Context(), []string{"run", "--once", "--log", "json", c.file}, strings.NewReader(""), &out, &talk); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(talk.String(), c.want) {
				t.Errorf("no %s in\n%s", c.want, talk.String())
			}
			for line := range strings.Lines(talk.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
		})
	}
	var out, talk bytes.Buffer
	if code := run(t.Context(), []string{"run", "--log", "xml"}, strings.NewReader(""), &out, &talk); code != 2 || !strings.Contains(talk.String(), "write text or json") {
		t.Errorf("exit %d: %s", code, talk.String())
	}
}
