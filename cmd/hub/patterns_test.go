package main

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// TestPatternsDeclareWhatTheyAre: the loader and the sections ask a pattern what it is. One that says nothing would be
// taken for one behind which some messages end.
func TestPatternsDeclareWhatTheyAre(t *testing.T) {
	pages, _ := filepath.Glob("../../pipelines/*/*.md") // the pattern is well formed
	titles := ""
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(text), "\n")
		titles += title + "\n"
	}
	known := map[string]bool{}
	for _, p := range registry(nil).Patterns {
		if p.Verb == "" || p.Compile == nil || known[p.Verb] {
			t.Errorf("the pattern %q has no verb of its own, or nothing that compiles it", p.Verb)
		}
		if !strings.Contains(titles, "(`"+p.Verb+"`)\n") {
			t.Errorf("no page below pipelines/ begins with the name of the pattern and (`%s`)", p.Verb)
		}
		known[p.Verb] = true
		if p.Passes == nil {
			t.Errorf("%s does not say whether messages go on behind it", p.Verb)
			continue
		}
		step, _ := yamlfile.NewLoader().Parse("step.yaml", []byte(p.Verb+": x"))
		passes := p.Passes(step, pipelines.PassesAll)
		if passes < pipelines.PassesAll || passes > pipelines.PassesFewer {
			t.Errorf("%s: %d is not how messages pass", p.Verb, passes)
		}
		if p.Process && (passes == pipelines.PassesFewer || p.Replies != nil) {
			t.Errorf("%s may stand in a process, and needs a message that goes on", p.Verb)
		}
		for what, panics := range map[string]func(){ // a step may have faults of its own
			"Inner":   func() { ask(p.Inner, step) },
			"Asks":    func() { ask(p.Asks, step) },
			"Sets":    func() { ask(p.Sets, step) },
			"Raises":  func() { ask(p.Raises, step) },
			"Replies": func() { ask(p.Replies, step) },
			"Counts":  func() { ask(p.Counts, step) },
			"Object":  func() { ask(p.Object, step) },
		} {
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("%s: %s of a step that is only a word panics: %v", p.Verb, what, r)
					}
				}()
				panics()
			}()
		}
	}
}

func ask[T any](f func(*yamlfile.Node) T, step *yamlfile.Node) {
	if f != nil {
		f(step)
	}
}

// TestNoListsOfPatterns: what somebody has to know of a pattern the pattern declares. Outside of components.go no source
// lists verbs, and none compares a verb with a word.
func TestNoListsOfPatterns(t *testing.T) {
	verbs := map[string]bool{}
	for _, p := range registry(nil).Patterns {
		verbs[p.Verb] = true
	}
	for dir, files := range sources(t) {
		if !under(dir, "pipelines", "cmd") {
			continue
		}
		for _, f := range files {
			if dir == "cmd/hub" && declares(f, "registry") { // components.go
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if found := verbsIn(n, verbs); len(found) > 1 {
					t.Errorf("%s lists patterns: %s", dir, strings.Join(found, ", "))
				} else if b, ok := n.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) && (isVerb(b.X) && word(b.Y) != "" || isVerb(b.Y) && word(b.X) != "") {
					t.Errorf("%s compares a verb with %s%s", dir, word(b.X), word(b.Y))
				}
				return true
			})
		}
	}
}

func declares(f *ast.File, name string) bool {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
			return true
		}
	}
	return false
}

// verbsIn are the verbs that a list, the keys of a map, or the cases of a switch name.
func verbsIn(n ast.Node, verbs map[string]bool) (found []string) {
	var list []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		list = n.Elts
	case *ast.CaseClause:
		list = n.List
	}
	for _, e := range list {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Key
		}
		if w := word(e); verbs[w] {
			found = append(found, w)
		}
	}
	return found
}

// isVerb tells that an expression is a verb: m.Verb, verb.
func isVerb(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name == "Verb"
	case *ast.Ident:
		return e.Name == "verb"
	}
	return false
}

// word is the text of a string literal; "" for what is none.
func word(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value)
	return text
}
