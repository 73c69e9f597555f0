package formula

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub"
)

// Reads tells what a formula reads: the paths below the names of its scope, and the functions that it calls. Names that
// the formula itself gives, by let or as the element of a closure, are none of them.
type Reads struct {
	Paths     []Path   // in the order of the text, each once
	Functions []string // the scope's and the built-in ones, sorted
}

// Path is a name of the scope and the fields below it: body.user.id. An index or a computed name ends a path, so a formula
// with body.items[0].sku reads body.items. The path of one header is "headers" and its name in small letters.
type Path []string

func (p Path) String() string { return strings.Join(p, ".") }

// Names lists the names of the scope that are read, sorted.
func (r Reads) Names() []string {
	names := make([]string, len(r.Paths))
	for i, p := range r.Paths {
		names[i] = p[0]
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Calls tells whether the function is called.
func (r Reads) Calls(function string) bool { return slices.Contains(r.Functions, function) }

// Reads tells what the formula reads.
func (f *Formula) Reads() Reads { return f.reads }

// ReadsOf tells what a formula's text reads, with or without its leading =, where no scope is at hand to compile it. A text
// that is no formula reads nothing.
func ReadsOf(src string) Reads {
	_, tree, fault := parse(strings.TrimPrefix(src, "="))
	if fault != nil {
		return Reads{}
	}
	return readsOf(tree)
}

func readsOf(tree ast.Node) Reads {
	var v reading
	ast.Walk(&tree, &v)
	var r Reads
	for _, p := range v.paths {
		if !slices.Contains(v.lets, p[0]) && !slices.ContainsFunc(r.Paths, func(q Path) bool { return slices.Equal(p, q) }) {
			r.Paths = append(r.Paths, p)
		}
	}
	slices.Sort(v.calls)
	r.Functions = slices.Compact(v.calls)
	return r
}

// reading collects the paths of a tree. The walk visits what a node consists of before the node, so the last path is that
// of the node before a field.
type reading struct {
	paths []Path
	calls []string
	lets  []string // a name of let is no name of the scope
}

// Visit implements ast.Visitor.
func (v *reading) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "null" {
			v.paths = append(v.paths, Path{n.Value})
		}
	case *ast.MemberNode:
		if isPath(n) {
			v.field(n.Property.(*ast.StringNode).Value)
		}
	case *ast.VariableDeclaratorNode:
		v.lets = append(v.lets, n.Name)
	case *ast.BuiltinNode:
		v.calls = append(v.calls, n.Name)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			v.calls = append(v.calls, id.Value)
			i := slices.IndexFunc(v.paths, func(p Path) bool { return len(p) == 1 && p[0] == id.Value })
			v.paths = slices.Delete(v.paths, i, i+1)
		}
	}
}

// field extends the last path. A header is a text: nothing is below it.
func (v *reading) field(name string) {
	last := &v.paths[len(v.paths)-1]
	switch {
	case (*last)[0] != "headers":
		*last = append(*last, name)
	case len(*last) == 1:
		*last = append(*last, hub.HeaderName(name))
	}
}

// isPath tells whether a node is a name with constant fields behind it.
func isPath(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value != "null"
	case *ast.ChainNode:
		return isPath(n.Node)
	case *ast.MemberNode:
		_, constant := n.Property.(*ast.StringNode)
		return constant && isPath(n.Node)
	}
	return false
}

// Comparison gives the two sides of a formula that is one comparison, as they are written; ok is false for any other.
func (f *Formula) Comparison() (left, op, right string, ok bool) {
	t, tree, fault := parse(f.src)
	if fault != nil {
		return "", "", "", false
	}
	n, ok := tree.(*ast.BinaryNode)
	if !ok || !slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, n.Operator) {
		return "", "", "", false
	}
	depth, loc := 0, n.Location()
	for _, tok := range t.tokens {
		if tok.From < loc.From {
			depth += nesting(tok)
		}
	}
	at := t.at(loc.From)
	return strings.TrimSpace(f.src[:at]), n.Operator, strings.TrimSpace(f.src[at+len(n.Operator):]), depth == 0
}
