package yamlfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"orderhub/transforms/shape"
)

const (
	maxDepth  = 100
	maxExpand = 10_000 // nodes that aliases may add to one file
)

// builder turns yaml's nodes into ours, once, within the limits of depth and aliases.
type builder struct {
	l        *Loader
	src      *source
	expanded int
	open     map[*yaml.Node]bool // anchors being expanded
	stopped  bool
}

func (l *Loader) builder(s *source) *builder {
	return &builder{l: l, src: s, open: map[*yaml.Node]bool{}}
}

func (b *builder) node(y *yaml.Node, parent, key *Node, index, depth int, aliased bool) *Node {
	n := &Node{y: y, src: b.src, loader: b.l, parent: parent, key: key, index: index}
	if b.stopped || !b.within(y, depth, aliased) {
		return n.empty()
	}
	if y.Kind == yaml.AliasNode {
		target := y.Alias
		if target == nil || b.open[target] {
			b.stop(y, "E011", "copy the part that is meant", "*%s contains itself", y.Value)
			return n.empty()
		}
		b.open[target] = true
		n = b.node(target, parent, key, index, depth, true)
		delete(b.open, target)
		return n
	}
	if y.Anchor != "" && !b.open[y] {
		b.open[y] = true
		defer delete(b.open, y)
	}
	switch y.Kind {
	case yaml.MappingNode:
		b.mapping(n, depth, aliased)
	case yaml.SequenceNode:
		n.items = make([]*Node, 0, len(y.Content))
		content := y.Content
		if y.Style&yaml.FlowStyle != 0 {
			content = b.cutInList(content)
		}
		for i, c := range content {
			n.items = append(n.items, b.node(c, n, nil, i, depth+1, aliased))
		}
	}
	return n
}

func (n *Node) empty() *Node {
	n.y = nothing(n.y.Line, n.y.Column)
	return n
}

func (b *builder) within(y *yaml.Node, depth int, aliased bool) bool {
	if depth > maxDepth {
		b.stop(y, "E010", "no configuration of the hub needs this; look for a bracket too many", "nested deeper than %d levels", maxDepth)
		return false
	}
	if aliased {
		b.expanded++
	}
	if b.expanded > maxExpand {
		b.stop(y, "E011", "aliases (*name) may stand for 10,000 values in all; write fewer", "alias expansion too large")
		return false
	}
	return true
}

func (b *builder) stop(y *yaml.Node, code, help, format string, args ...any) {
	b.stopped = true
	b.l.problem(b.src, y.Line, y.Column, 1, code, help, format, args...)
}

func (b *builder) mapping(n *Node, depth int, aliased bool) {
	content := b.cutInMap(n.y)
	n.byKey = make(map[string]int, len(content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(content) && !b.stopped; i += 2 {
		k, v := content[i], content[i+1]
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			k = k.Alias
		}
		key := &Node{y: k, src: b.src, loader: b.l, parent: n, index: -1}
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if !b.checkKey(n, key, v) {
			continue
		}
		n.add(key, b.node(v, n, key, -1, depth+1, aliased))
	}
	for _, m := range merges {
		b.merge(n, m, depth)
	}
}

func (n *Node) add(key, value *Node) {
	n.byKey[key.y.Value] = len(n.entries)
	n.entries = append(n.entries, entry{key, value})
}

// merge adds what `<<: *base` or `<<: [*a, *b]` brings and the map doesn't have itself.
func (b *builder) merge(n *Node, m *yaml.Node, depth int) {
	from := b.node(m, n, nil, -1, depth+1, true)
	bases := []*Node{from}
	if from.Kind() == List {
		bases = from.items
	}
	for _, base := range bases {
		if base.Kind() != Map && !b.stopped {
			base.Errorf("E102", "write <<: *name, with &name before a map", "<< takes a map, not %s", base.Kind())
		}
		for _, e := range base.entries {
			if _, ok := n.byKey[e.key.y.Value]; !ok {
				e.key.parent, e.value.parent = n, n
				n.add(e.key, e.value)
			}
		}
	}
}

// status is an HTTP status.
var status = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

var keyWithoutSpace = regexp.MustCompile(`^[A-Za-z_][\w-]*:[^\s/:]`)

// checkKey reports what is wrong with a key; false when the entry can't be used.
func (b *builder) checkKey(n, key *Node, v *yaml.Node) bool {
	k := key.y
	if k.Kind != yaml.ScalarNode {
		b.l.problem(b.src, k.Line, k.Column, 1, "E013", "write a name before the colon; in front of {...} or [...] a dash may be missing",
			"a key must be text, not %s", key.Kind())
		return false
	}
	if old := n.KeyNode(k.Value); old != nil {
		_, line, col := old.Pos()
		key.Errorf("E012", "keep one of them", "%q is already at %s:%d:%d", k.Value, b.src.name, line, col)
		return false
	}
	if !key.isPlain() {
		return true
	}
	if isEmpty(v) && n.y.Style&yaml.FlowStyle != 0 && keyWithoutSpace.MatchString(k.Value) {
		name, rest, _ := strings.Cut(k.Value, ":")
		key.Errorf("E006", fmt.Sprintf("write %s: %s", name, rest), "a space is missing behind the colon of %q", k.Value)
		return false
	}
	_, word := boolWords[strings.ToLower(k.Value)]
	switch reading := guess(k.Value, k.Tag); {
	case word:
		key.Warnf("W017", fmt.Sprintf("write \"%s\", or better another name", k.Value),
			"%s as a key means true or false to other YAML tools; here it is text", k.Value)
	case k.Tag == "!!null":
		key.Errorf("E013", fmt.Sprintf("write \"%s\" for the text, or a name", k.Value), "a key must be text, and an empty key or null is nothing")
		return false
	case k.Tag == "!!bool", reading != "":
		key.Errorf("E013", fmt.Sprintf("quote it: \"%s\"", k.Value), "the key %s can be read as %s or as text", k.Value, cmp.Or(reading, "a truth value"))
	case status.MatchString(k.Value): // as the keys of responses in OpenAPI: the same text in every reading
	case k.Tag == "!!int" || k.Tag == "!!float":
		key.Warnf("W018", fmt.Sprintf("quote it: \"%s\"", k.Value), "the key %s is a number to other YAML tools; here it is text", k.Value)
	}
	return true
}

// Allow reports each key that is not one of names: `unknown route field "wehn"`, with the nearest name.
func (n *Node) Allow(kind string, names ...string) {
	for key := range n.Entries() {
		if name := key.Raw(); !slices.Contains(names, name) {
			key.Errorf("E101", shape.Known(name, names), "unknown %s field %q", kind, name)
		}
	}
}
