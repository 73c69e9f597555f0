package yamlfile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kind is the shape of a node.
type Kind int

// The kinds. Null is an empty value, ~ or null.
const (
	Null Kind = iota
	Scalar
	Map
	List
)

// String names the kind as messages do: "nothing", "a single value", "a map", "a list".
func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a map", "a list"}[k]
}

// Node is a YAML value that knows where it is from and where to report to. Aliases and merge keys (<<) are resolved:
// the node of an alias stands at its anchor. A nil *Node reads as absent: Null, no keys, no items, "".
type Node struct {
	y      *yaml.Node
	src    *source
	loader *Loader
	parent *Node
	key    *Node // the key scalar this is the value of; nil for list items, keys and the root
	index  int   // in the list of parent; -1 outside a list

	entries []entry
	byKey   map[string]int
	items   []*Node

	value *resolved // of a scalar, once read
}

type entry struct{ key, value *Node }

// Kind gives the shape.
func (n *Node) Kind() Kind {
	switch {
	case n == nil:
		return Null
	case n.y.Kind == yaml.MappingNode:
		return Map
	case n.y.Kind == yaml.SequenceNode:
		return List
	case n.y.Kind == yaml.ScalarNode && n.y.Tag != "!!null":
		return Scalar
	}
	return Null
}

// Pos is the place Errorf reports: the scalar itself, or the key of a map, list or empty value.
func (n *Node) Pos() (file string, line, col int) {
	at := n.extent()
	return n.src.name, at.line, at.col
}

// Line is that place as file:line.
func (n *Node) Line() string {
	file, line, _ := n.Pos()
	return fmt.Sprintf("%s:%d", file, line)
}

// LineCol is that place as file:line:col; "" where there is no node.
func (n *Node) LineCol() string {
	if n == nil {
		return ""
	}
	file, line, col := n.Pos()
	return fmt.Sprintf("%s:%d:%d", file, line, col)
}

// Path is the place in the tree: pipelines.web-orders.steps[2].translate. Empty for the root.
func (n *Node) Path() string {
	var parts []string
	for ; n != nil && n.parent != nil; n = n.parent {
		switch {
		case n.index >= 0:
			parts = append(parts, "["+strconv.Itoa(n.index)+"]")
		case n.key != nil:
			parts = append(parts, "."+pathName(n.key.Raw()))
		default:
			parts = append(parts, "."+pathName(n.Raw()))
		}
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}

func pathName(s string) string {
	if s == "" || strings.ContainsAny(s, ".[]\" \n\t") {
		return strconv.Quote(s)
	}
	return s
}

// Root is the top of the tree that n stands in.
func (n *Node) Root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// Keys gives the keys of a map in the order of the file.
func (n *Node) Keys() []string {
	if n == nil {
		return nil
	}
	keys := make([]string, len(n.entries))
	for i, e := range n.entries {
		keys[i] = e.key.Raw()
	}
	return keys
}

// Get gives the value of a key, nil when absent. A key without a value gives a node of kind Null.
func (n *Node) Get(key string) *Node {
	if i, ok := n.find(key); ok {
		return n.entries[i].value
	}
	return nil
}

// KeyNode gives the key scalar itself, nil when absent.
func (n *Node) KeyNode(key string) *Node {
	if i, ok := n.find(key); ok {
		return n.entries[i].key
	}
	return nil
}

func (n *Node) find(key string) (int, bool) {
	if n == nil {
		return 0, false
	}
	i, ok := n.byKey[key]
	return i, ok
}

// Items gives the items of a list.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Several gives the items of a list, or the one value that stands for a list of one; none of a missing node.
func (n *Node) Several() []*Node {
	if n == nil || n.Kind() == List {
		return n.Items()
	}
	return []*Node{n}
}

// All yields n and every value and item below it, in the order of the file.
func (n *Node) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.walk(yield) }
}

func (n *Node) walk(yield func(*Node) bool) bool {
	if n == nil {
		return true
	}
	if !yield(n) {
		return false
	}
	for _, value := range n.Entries() {
		if !value.walk(yield) {
			return false
		}
	}
	for _, item := range n.Items() {
		if !item.walk(yield) {
			return false
		}
	}
	return true
}

// Entries gives key and value of a map in the order of the file.
func (n *Node) Entries() iter.Seq2[*Node, *Node] {
	return func(yield func(*Node, *Node) bool) {
		if n == nil {
			return
		}
		for _, e := range n.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Raw is the scalar as YAML parsed it, before ${ENV} and secret: are resolved; "" for anything else.
func (n *Node) Raw() string {
	if n == nil || n.y.Kind != yaml.ScalarNode {
		return ""
	}
	return n.y.Value
}

// IsFormula tells a formula from a literal: a scalar written with a leading '='. The value of a variable
// never makes a formula.
func (n *Node) IsFormula() bool { return n.Kind() == Scalar && strings.HasPrefix(n.y.Value, "=") }

// Quoted tells that the scalar is in single or double quotes: its writer means text.
func (n *Node) Quoted() bool {
	return n.Kind() == Scalar && n.y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

// isPlain tells a scalar without quotes, block or tag, whose meaning YAML guesses.
func (n *Node) isPlain() bool {
	const styled = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	return n.y.Kind == yaml.ScalarNode && n.y.Style&styled == 0
}

// Any gives literal data: map[string]any, []any, string, bool, nil, and json.Number with the digits of the file.
// A value with a variable or secret in it is always a string. Dates are strings.
func (n *Node) Any() any {
	switch n.Kind() {
	case Map:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key.Raw()] = e.value.Any()
		}
		return m
	case List:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.Any()
		}
		return l
	case Scalar:
		return n.anyScalar()
	}
	return nil
}

func (n *Node) anyScalar() any {
	s, _ := n.Text()
	if !n.isPlain() || n.resolve().expanded {
		return s
	}
	switch n.y.Tag {
	case "!!bool":
		return s == "true" || s == "True" || s == "TRUE"
	case "!!int", "!!float":
		if isJSONNumber(s) {
			return json.Number(s)
		}
		reading := cmp.Or(guess(s, n.y.Tag), "a number")
		n.ambiguous(s, reading, fmt.Sprintf("quote it: \"%s\", or write the number in plain digits", s))
		return s
	}
	if reading := n.readings(); reading != "" && n.y.Tag != "!!timestamp" {
		n.Warnf("W203", fmt.Sprintf("quote it: \"%s\"", s), "%s: %s is text here, other YAML readers take it for %s", n.label(), s, reading)
	}
	return s
}
