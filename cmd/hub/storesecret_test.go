package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub/mask"
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
		if shown := mask.URL(url); strings.Contains(shown, "pw-of") || !strings.Contains(shown, "***") {
			t.Errorf("status shows %s", shown)
		}
	}
}
