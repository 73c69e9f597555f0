package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContractsAreShort holds package hub to what an author of an adapter or a pattern can read at one sitting: the
// documentation of the types that docs/extending.md names has less than 500 lines, and the package 12 interfaces at most.
func TestContractsAreShort(t *testing.T) {
	const most, interfaces = 500, 12
	_, list, _ := strings.Cut(read(t, "docs/extending.md"), "What to read first,")
	list, _, ok := strings.Cut(list, "\n\n")
	if !ok {
		t.Fatal("docs/extending.md no longer says what to read first")
	}
	names, lines := 0, 0
	for _, group := range regexp.MustCompile(`: ([A-Z][A-Za-z, \n]+)\.`).FindAllStringSubmatch(list, -1) {
		for _, name := range strings.FieldsFunc(group[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
			names++
			lines += strings.Count(command(t, root, "go", "doc", "./hub", name), "\n")
		}
	}
	if names < 20 || lines >= most {
		t.Errorf("%d types with %d lines of documentation, want at least 20 with less than %d", names, lines, most)
	}
	found := 0
	files, err := filepath.Glob(filepath.Join(root, "hub", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, is := n.(*ast.TypeSpec); is {
				if _, is := s.Type.(*ast.InterfaceType); is {
					found++
				}
			}
			return true
		})
	}
	if found > interfaces {
		t.Errorf("package hub has %d interfaces, want at most %d", found, interfaces)
	}
}
