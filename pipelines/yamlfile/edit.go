package yamlfile

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// Stand is YAML text as if it stood at n, where its faults are told: for what a
// short form stands for. The text is the program's own: one that does not parse is a bug, and panics.
func (n *Node) Stand(text string) *Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	move(&doc, n.y.Line, n.y.Column)
	return n.loader.builder(n.src).node(doc.Content[0], n.parent, n.key, n.index, 1, true)
}

func move(y *yaml.Node, line, col int) {
	y.Line, y.Column = line, col
	for _, c := range y.Content {
		move(c, line, col)
	}
}

// Canonical is n as YAML, without comments, with aliases resolved and ${ENV} as
// written: two nodes that mean the same have the same text, wherever they stand.
func (n *Node) Canonical() []byte {
	out, err := yaml.Marshal(n.plain())
	if err != nil { // of nodes that were parsed
		panic(err)
	}
	return out
}

func (n *Node) plain() *yaml.Node {
	switch n.Kind() {
	case Map:
		y := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, e := range n.entries {
			y.Content = append(y.Content, e.key.plain(), e.value.plain())
		}
		return y
	case List:
		y := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range n.items {
			y.Content = append(y.Content, item.plain())
		}
		return y
	case Scalar:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: n.y.Tag, Value: n.y.Value, Style: n.y.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle)}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

// Take takes a key out of a map, for what belongs to somebody else than who decodes the rest; nil: it is not there.
func (n *Node) Take(key string) *Node {
	i, ok := n.find(key)
	if !ok {
		return nil
	}
	value := n.entries[i].value
	n.entries = slices.Delete(n.entries, i, i+1)
	clear(n.byKey)
	for i, e := range n.entries {
		n.byKey[e.key.y.Value] = i
	}
	return value
}

// Become gives the map's entry another value, which stands where it is written.
func (n *Node) Become(key string, value *Node) {
	if i, ok := n.find(key); ok {
		n.entries[i].value = value
	}
}
