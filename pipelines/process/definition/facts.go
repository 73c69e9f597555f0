package definition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"orderhub/transforms/shape"
)

// fact is what a condition says of one path: its value is one of those, or none of them.
type fact struct {
	none   bool
	values []string
}

// facts are true together, by path. What they don't name may be anything.
type facts map[string]fact

// maxCases bounds how many alternatives are followed: a condition with more says nothing.
const maxCases = 64

// typeOf is what is known of the value at a path; any: nothing.
type typeOf func(path string) *shape.Type

// contradict tells that the condition can't hold where those hold and the others fail.
func contradict(types typeOf, effect, holds string, fails []string) bool {
	return len(cases{{}}.also(effect, true).also(holds, true).allFail(fails).known(types)) == 0
}

// allFail are the cases in which none of the conditions holds.
func (cs cases) allFail(conditions []string) cases {
	for _, c := range conditions {
		cs = cs.also(c, false)
	}
	return cs
}

// known are the cases that the types of their paths allow: true or false, and the values that a schema lists.
func (cs cases) known(types typeOf) (out cases) {
	for _, c := range cs {
		possible := true
		for path := range c {
			if all, few := valuesOf(types(path)); few && possible {
				c, possible = c.and(facts{path: {values: all}})
			}
		}
		if possible {
			out = append(out, c)
		}
	}
	return out
}

// valuesOf are all values of a type, written as constOf does; false: there are more than can be listed.
func valuesOf(t *shape.Type) (all []string, few bool) {
	switch {
	case t.Is(shape.Bool):
		all = []string{"true", "false"}
	case t.Is(shape.String) && len(t.Enum) > 0:
		for _, text := range t.Enum {
			all = append(all, strconv.Quote(text))
		}
	case !t.Is(shape.Null):
		return nil, false
	}
	if t.Nullable {
		all = append(all, "null")
	}
	return all, true
}

// typeOf is the type of a path in formulas of the whole process.
func (d *Process) typeOf(path string) *shape.Type {
	var t *shape.Type
	for i, name := range strings.Split(path, ".") {
		known := false
		if i == 0 {
			t, known = d.scope.Type(name)
		} else {
			t, known = t.Field(name)
		}
		if !known {
			return shape.AnyType
		}
	}
	return t
}

// cases are alternatives; none: it can't be.
type cases []facts

// also are the cases in which the condition gives what is wanted; "" says nothing.
func (cs cases) also(condition string, want bool) cases {
	if condition == "" {
		return cs
	}
	tree, err := parser.Parse(condition)
	if err != nil { // a number too long for the parser of the check
		return cs
	}
	return cs.and(casesOf(tree.Node, want))
}

func (cs cases) and(others cases) cases {
	if len(cs)*len(others) > maxCases {
		return cs
	}
	var out cases
	for _, a := range cs {
		for _, b := range others {
			if both, ok := a.and(b); ok {
				out = append(out, both)
			}
		}
	}
	return out
}

// and are the facts of both; false: they contradict each other.
func (a facts) and(b facts) (facts, bool) {
	out := facts{}
	for path, f := range a {
		out[path] = f
	}
	for path, f := range b {
		if g, known := out[path]; known {
			f = f.and(g)
		}
		if out[path] = f; !f.none && len(f.values) == 0 {
			return nil, false
		}
	}
	return out, true
}

func (f fact) and(g fact) fact {
	switch {
	case f.none && g.none:
		return fact{true, slices.Concat(f.values, g.values)}
	case f.none:
		f, g = g, f
	}
	return fact{false, slices.DeleteFunc(slices.Clone(f.values), func(v string) bool { return slices.Contains(g.values, v) == g.none })}
}

// anything is what a condition says that compares no path with a constant.
var anything = cases{{}}

func casesOf(n ast.Node, want bool) cases {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return casesOf(n.Node, !want)
		}
	case *ast.BinaryNode:
		return casesOfTwo(n, want)
	}
	if path := pathOf(n); path != "" {
		return cases{{path: {!want, []string{"true"}}}}
	}
	return anything
}

func casesOfTwo(n *ast.BinaryNode, want bool) cases {
	switch n.Operator {
	case "and", "&&", "or", "||":
		a, b := casesOf(n.Left, want), casesOf(n.Right, want)
		if both := n.Operator == "and" || n.Operator == "&&"; both == want {
			return a.and(b)
		}
		return slices.Concat(a, b)
	case "==", "!=":
		path, value := pathOf(n.Left), constOf(n.Right)
		if path == "" {
			path, value = pathOf(n.Right), constOf(n.Left)
		}
		if path != "" && value != "" {
			return cases{{path: {(n.Operator == "==") != want, []string{value}}}}
		}
	case "in":
		list, _ := n.Right.(*ast.ArrayNode)
		path := pathOf(n.Left)
		if list == nil || path == "" {
			break
		}
		f := fact{none: !want}
		for _, e := range list.Nodes {
			f.values = append(f.values, constOf(e))
		}
		if len(f.values) > 0 && !slices.Contains(f.values, "") {
			return cases{{path: f}}
		}
	}
	return anything
}

// pathOf is a formula that only reads, as charge.result; "" for any other.
func pathOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if n.Value != "null" {
			return n.Value
		}
	case *ast.ChainNode:
		return pathOf(n.Node)
	case *ast.MemberNode:
		name, isName := n.Property.(*ast.StringNode)
		if outer := pathOf(n.Node); outer != "" && isName {
			return outer + "." + name.Value
		}
	}
	return ""
}

// constOf is a constant, written so that equal ones are the same text; "" for anything else.
func constOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return strconv.Quote(n.Value)
	case *ast.IntegerNode:
		return strconv.Itoa(n.Value)
	case *ast.FloatNode:
		return strconv.FormatFloat(n.Value, 'g', -1, 64)
	case *ast.BoolNode:
		return fmt.Sprint(n.Value)
	case *ast.NilNode:
		return "null"
	case *ast.IdentifierNode:
		if n.Value == "null" {
			return n.Value
		}
	}
	return ""
}
