package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/pipelines/yamlfile"
)

// TestFault_S5_NoVerbPrintsThePasswordOfTheStore: of a store that is away, of one whose address is wrong, and of one that the
// configuration names, in every verb that may say which it is.
func TestFault_S5_NoVerbPrintsThePasswordOfTheStore(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pipelines.yaml")
	for name, url := range map[string]string{
		"away":           "postgres://hub:pw-of-the-store@127.0.0.1:1/hub?connect_timeout=1",
		"in the query":   "postgres://127.0.0.1:1/hub?user=hub&password=pw-of-the-store&connect_timeout=1",
		"escaped":        "postgres://hub:pw-of-the-store%2F%40x@127.0.0.1:1/hub?connect_timeout=1",
		"not a URL":      "postgres://hub:pw-of-the-store/@x@127.0.0.1:port/hub",
		"no such option": "postgres://hub:pw-of-the-store@127.0.0.1:1/hub?sslmode=maybe",
	} {
		if err := os.WriteFile(file, []byte("hub: {store: \""+url+"\"}\nchannels: {a: {type: direct}, b: {type: direct}}\npipelines: {p: {from: a, steps: [{send: b}]}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{"file", "environment"} {
			t.Setenv("HUB_STORE", map[string]string{"environment": url}[from])
			t.Setenv("HUB_HOME", dir)
			t.Setenv("HUB_CONFIG", file)
			for _, args := range [][]string{{"run", file, "-vv"}, {"status"}, {"trace", "x"}, {"validate", file}, {"validate", file, "-o", "json"}, {"diff", file}, {"refused", "list"}} {
				var out, talk bytes.Buffer
				run(t.Context(), args, strings.NewReader(""), &out, &talk)
				if text := out.String() + talk.String(); strings.Contains(text, "pw-of-the-store") {
					t.Errorf("%s, in the %s: hub %s prints\n%s", name, from, strings.Join(args, " "), text)
				}
			}
		}
		if shown := (&storage{url: url}).shown(); strings.Contains(shown, "pw-of") || !strings.Contains(shown, "***") {
			t.Errorf("status shows %s", shown)
		}
	}
}

// TestFault_S4_WhateverIsPrintedIsSafe: cells, lines, errors and problems, for people and for machines.
func TestFault_S4_WhateverIsPrintedIsSafe(t *testing.T) {
	const evil = "a\x1b[2J\u009b31m\u202eb\nc\x00\u2028"
	for name, print := range map[string]func(c *cli){
		"line":     func(c *cli) { c.print("%s", evil) },
		"talk":     func(c *cli) { c.say("%s", evil) },
		"table":    func(c *cli) { c.table([]string{"A"}, [][]string{{evil, "x"}}) },
		"JSON":     func(c *cli) { c.printJSON(map[string]string{evil: evil}) },
		"one line": func(c *cli) { c.printLine(evil) },
		"log":      func(c *cli) { c.logger(2).Info(evil, evil, evil) },
		"problems": func(c *cli) {
			p := &yamlfile.Problems{}
			p.Add(yamlfile.Problem{File: evil, Line: 1, Message: evil, Help: evil})
			c.out.report(p, false)
			p.WriteJSON(c.out)
			p.WriteGitHub(c.out)
		},
		"API problem": func(c *cli) { c.say("%v", notFound("no %s", evil)) },
	} {
		var out, talk bytes.Buffer
		print(newCLI(nil, &out, &talk))
		text := out.String() + talk.String()
		if text == "" || strings.ContainsAny(text, "\x1b\x00\u009b\u202e\u2028") || strings.Contains(text, "\nc") {
			t.Errorf("%s: %q", name, text)
		}
	}
	var out bytes.Buffer
	p := &yamlfile.Problems{}
	p.Add(yamlfile.Problem{File: evil, Line: 1, Message: evil})
	newCLI(nil, &out, &out).out.report(p, true)
	if text := strings.NewReplacer("\x1b[31m", "", "\x1b[1m", "", "\x1b[0m", "", "\x1b[34m", "").Replace(out.String()); strings.Contains(text, "\x1b") {
		t.Errorf("with colours: %q", text)
	}
}
