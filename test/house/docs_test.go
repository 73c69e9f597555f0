package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportedNames: every exported name has a comment that begins with it, or stands in a group that has one.
func TestExportedNames(t *testing.T) {
	fset := token.NewFileSet()
	for _, file := range goFiles(t) {
		f, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name.Name == "main" {
			continue
		}
		for _, d := range f.Decls {
			for _, name := range bare(d) {
				t.Errorf("%s: %s has no comment that begins with its name", fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

// wellKnown are the methods that the standard library tells of.
var wellKnown = map[string]bool{"Error": true, "Unwrap": true, "String": true, "GoString": true, "MarshalText": true, "LogValue": true, "Write": true,
	"Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true}

// bare are the exported names of a declaration that no comment tells of.
func bare(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && !tells(d.Doc, d.Name) && (d.Recv == nil || exported(d.Recv.List[0].Type) && !wellKnown[d.Name.Name]) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && !tells(d.Doc, s.Name) && !tells(s.Doc, s.Name) && !(d.Lparen.IsValid() && told(d.Doc)) && !told(s.Comment) {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && !told(d.Doc) && !told(s.Doc) && !told(s.Comment) {
						names = append(names, n)
					}
				}
			}
		}
	}
	return names
}

// tells tells whether a comment is of the name.
func tells(c *ast.CommentGroup, name *ast.Ident) bool {
	words := strings.Fields(c.Text())
	return len(words) > 0 && (strings.HasPrefix(words[0], name.Name) || len(words) > 1 && strings.HasPrefix(words[1], name.Name)) // a Name, the Name
}

// told tells whether a comment says anything.
func told(c *ast.CommentGroup) bool {
	return strings.TrimSpace(c.Text()) != "" // "" of nil
}

// exported tells whether the type of a receiver is exported.
func exported(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exported(e.X)
	case *ast.IndexExpr:
		return exported(e.X)
	case *ast.IndexListExpr:
		return exported(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}

// goFiles are the project's Go files that are no tests.
func goFiles(t *testing.T) (files []string) {
	t.Helper()
	for name := range strings.Lines(command(t, root, "git", "ls-files", "*.go")) {
		if name = strings.TrimSpace(name); !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
	}
	return files
}

// TestPackagesFitAScreen: a package has 25 files at most that are no tests, else it is two.
func TestPackagesFitAScreen(t *testing.T) {
	count := map[string]int{}
	for _, file := range goFiles(t) {
		if dir := filepath.Dir(file); count[dir] < 25 {
			count[dir]++
		} else {
			t.Errorf("%s is the 26th file of %s", filepath.Base(file), dir)
		}
	}
}
