package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are the project's Go files that are no tests, by folder below the root.
func sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	out := map[string][]*ast.File{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel("../..", filepath.Dir(path))
		out[dir] = append(out[dir], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

func under(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

// contracts are the packages that the contracts of the hub consist of.
var contracts = []string{"hub", "hub/doc", "hub/escape", "hub/figures", "hub/mask", "hub/units"}

// TestLayers holds DESIGN.md section 5: who may import whom.
func TestLayers(t *testing.T) {
	for dir, files := range sources(t) {
		for _, f := range files {
			for _, imp := range imports(f) {
				project, isProject := strings.CutPrefix(imp, "orderhub/")
				library := strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")
				switch {
				case slices.Contains(contracts, dir) && isProject && !slices.Contains(contracts, project), dir == "hub/doc" && isProject,
					(slices.Contains(contracts, dir) || dir == "hub/engine") && library:
					t.Errorf("%s imports %s: the contracts and hub/engine import the standard library only", dir, imp)
				case under(dir, "hub/store", "hub/broker", "hub/engine", "hub/hubtest") && isProject && !under(project, "hub"):
					t.Errorf("%s imports %s: below hub only hub is known", dir, imp)
				case under(dir, "adapters") && isProject && !under(project, "hub", dir):
					t.Errorf("%s imports %s: adapters import hub only, never each other", dir, imp)
				case under(dir, "transforms") && isProject && !under(project, "hub", "transforms"):
					t.Errorf("%s imports %s: transforms know hub and transforms", dir, imp)
				case under(dir, "pipelines") && isProject && !under(project, "hub", "transforms", "pipelines"):
					t.Errorf("%s imports %s: pipelines know hub, transforms and pipelines", dir, imp)
				case dir == "stub" && isProject:
					t.Errorf("%s imports %s: the stubs are partners, they know nothing of the hub", dir, imp)
				}
			}
		}
	}
}

// TestHouseRules: no init(), no packages named for nothing, no blank imports but embed, the time zones and the SQL driver.
func TestHouseRules(t *testing.T) {
	for dir, files := range sources(t) {
		for _, f := range files {
			if slices.Contains([]string{"utils", "util", "common", "helpers", "types", "base", "manager"}, f.Name.Name) {
				t.Errorf("%s: a package is named for a thing, not %q", dir, f.Name.Name)
			}
			for _, decl := range f.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has an init(): registration is a function and a line in components.go", dir)
				}
			}
			for _, imp := range f.Imports {
				path, _ := strconv.Unquote(imp.Path.Value)
				if imp.Name != nil && imp.Name.Name == "_" && path != "embed" && path != "time/tzdata" && path != "modernc.org/sqlite" {
					t.Errorf("%s imports %s for its side effects", dir, path)
				}
			}
		}
	}
}

// TestFileSize: a file is one idea that a reader takes in at one sitting.
func TestFileSize(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if n := strings.Count(string(b), "\n"); n > 500 {
			t.Errorf("%s has %d lines: nothing over 500", path, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRegistered: every adapter and pattern folder is on the one list.
func TestRegistered(t *testing.T) {
	b, err := os.ReadFile("components.go")
	if err != nil {
		t.Fatal(err)
	}
	for dir, files := range sources(t) {
		for _, f := range files {
			for _, decl := range f.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Recv != nil || fn.Name.Name != "Component" && fn.Name.Name != "Pattern" || !under(dir, "adapters", "pipelines") {
					continue
				}
				if !strings.Contains(string(b), f.Name.Name+"."+fn.Name.Name+"(") {
					t.Errorf("%s is not in components.go", dir)
				}
			}
		}
	}
}
