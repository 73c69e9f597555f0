package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	named  = regexp.MustCompile("`([^`\n]+)`")
	place  = regexp.MustCompile(`^[a-z][\w-]*(/[\w.-]+)*(\.(go|yaml|md))?$`)
	hop    = regexp.MustCompile("(?m)^\\| (\\d+) \\|.*\\| `([^`]+)` \\| `([^`]+)` \\|$")
	inText = regexp.MustCompile("`(\\([*]\\w+\\)\\.\\w+)` \\(`([^`]+)`\\)")
)

// TestArchitecture: what docs/architecture.md names is there: each file and folder, and each function in its file.
func TestArchitecture(t *testing.T) {
	text := read(t, "docs/architecture.md")
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		name := strings.TrimSuffix(m[1], "/…")
		if !strings.Contains(name, "/") || !place.MatchString(name) {
			continue // a word of the configuration, a function, a verb
		}
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("there is no %s", name)
		}
	}
	hops := hop.FindAllStringSubmatch(text, -1)
	if len(hops) < 10 || len(hops) > 14 {
		t.Errorf("the way of an order has %d hops, it is told in 10 to 14", len(hops))
	}
	for _, h := range hops {
		declares(t, h[2], h[3])
	}
	for _, m := range inText.FindAllStringSubmatch(text, -1) {
		declares(t, m[2], m[1])
	}
}

// declares fails the test unless the file has the function: f, (T).f or (*T).f.
func declares(t *testing.T, file, function string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := fn.Name.Name
		if fn.Recv != nil {
			name = "(" + types.ExprString(fn.Recv.List[0].Type) + ")." + name
		}
		if name == function {
			return
		}
	}
	t.Errorf("%s does not declare %s", file, function)
}
