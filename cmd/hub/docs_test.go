package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\\n(.*?)^```")

// TestDocuments: every YAML block of every document is a valid configuration.
// A block that begins with a comment "# part:" is no whole configuration and is only parsed; one with `tests:` passes them.
func TestDocuments(t *testing.T) {
	blocks := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, m := range yamlBlock.FindAllSubmatch(b, -1) {
			blocks++
			t.Run(fmt.Sprintf("%s#%d", path, i+1), func(t *testing.T) { checkBlock(t, filepath.Dir(path), m[1]) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if blocks < 20 {
		t.Errorf("only %d blocks found", blocks)
	}
}

func checkBlock(t *testing.T, dir string, src []byte) {
	l := yamlfile.NewLoader()
	l.Missing = func(*yamlfile.Node, string) (string, bool) { return "http://127.0.0.1:1", true }
	if strings.HasPrefix(string(src), "# part:") {
		l.Parse("block", src)
	} else {
		file := filepath.Join(dir, ".block.yaml")
		if err := os.WriteFile(file, src, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file)
		pipelines.Load(file, registry(nil), l)
		if strings.Contains(string(src), "\ntests:\n") {
			var out, talk bytes.Buffer
			if code := run(t.Context(), []string{"test", file}, strings.NewReader(""), &out, &talk); code != 0 {
				t.Errorf("hub test: exit %d\n%s%s", code, out.String(), talk.String())
			}
		}
	}
	if l.Problems.Errors() > 0 {
		var out strings.Builder
		l.Problems.WriteText(&out, true, false)
		t.Errorf("%s\n%s", out.String(), src)
	}
}
