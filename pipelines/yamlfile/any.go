package yamlfile

import (
	"encoding/json"
	"fmt"
)

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
		reading := guess(s, n.y.Tag)
		if reading == "" {
			reading = "a number"
		}
		n.ambiguous(s, reading, fmt.Sprintf("quote it: \"%s\", or write the number in plain digits", s))
		return s
	}
	if reading := n.readings(); reading != "" && n.y.Tag != "!!timestamp" {
		n.Warnf("W203", fmt.Sprintf("quote it: \"%s\"", s), "%s: %s is text here, other YAML readers take it for %s", n.label(), s, reading)
	}
	return s
}
