package pipelines

import (
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/mapping"
	"orderhub/transforms/shape"
)

// tree turns YAML into a mapping: scalars with `=` are formulas, `$each`,
// `$when` and `$value` are the mapping's words, all else is literal.
func (b *Build) tree(n *yamlfile.Node) *mapping.Tree {
	switch n.Kind() {
	case yamlfile.Map:
		return b.mapTree(n)
	case yamlfile.List:
		t := &mapping.Tree{Pos: n, Kind: mapping.Array}
		for _, item := range n.Items() {
			t.Items = append(t.Items, b.tree(item))
		}
		return t
	case yamlfile.Null:
		return &mapping.Tree{Pos: n, Kind: mapping.Literal, Literal: doc.NullValue()}
	}
	if n.IsFormula() {
		text, _ := n.Text()
		return &mapping.Tree{Pos: n, Kind: mapping.Formula, Formula: text[1:]}
	}
	n.WarnIfFormulaLike()
	v, err := doc.FromAny(n.Any())
	if err != nil {
		n.Errorf("E304", "", "%v", err)
	}
	return &mapping.Tree{Pos: n, Kind: mapping.Literal, Literal: v}
}

func (b *Build) mapTree(n *yamlfile.Node) *mapping.Tree {
	t := &mapping.Tree{Pos: n, Kind: mapping.Object}
	for key, value := range n.Entries() {
		switch name := key.Raw(); name {
		case "$each":
			t.Kind, t.Each, t.EachPos = mapping.Each, formulaOf(value), value
		case "$when":
			t.When, t.WhenPos = formulaOf(value), value
		case "$value":
			v := b.tree(value)
			if v.Kind == mapping.Literal && value.Kind() == yamlfile.Scalar { // a condition key: always a formula
				v = &mapping.Tree{Pos: value, Kind: mapping.Formula, Formula: formulaOf(value)}
			}
			t.Value = v
		default:
			if len(name) > 0 && name[0] == '$' {
				near, _ := shape.Nearest(name, []string{"$each", "$when", "$value"})
				help := "known: $each, $when, $value"
				if near != "" {
					help = `did you mean "` + near + `"?`
				}
				key.Errorf("E305", help, "unknown mapping word %q", name)
				continue
			}
			t.Fields = append(t.Fields, mapping.Field{Name: name, NamePos: key, Tree: b.tree(value)})
		}
	}
	return t
}

func formulaOf(n *yamlfile.Node) string {
	text := n.Str()
	if len(text) > 0 && text[0] == '=' {
		return text[1:]
	}
	return text
}
