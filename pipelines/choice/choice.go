// Package choice is a closed set that a formula chooses of: the file says all that there is, data says which.
package choice

import (
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Choice is a formula that names some of a closed set: data can name nothing that the file does not.
type Choice struct {
	what  string // a recipient, a station
	names []string
	value *pipelines.Value
}

// New compiles n, a formula that gives a list of texts or one text, each the name of what is among names.
func New(b *pipelines.Build, n *yamlfile.Node, what string, names []string) *Choice {
	for _, item := range append(n.Items(), n) {
		if item.Kind() == yamlfile.Scalar && !item.IsFormula() && !slices.Contains(names, item.Str()) {
			item.Errorf("E279", shape.Known(item.Str(), names), "no %s is called %q", what, item.Str())
		}
	}
	return &Choice{what: what, names: names, value: b.Value(n, b.Flow.Scope, shape.AnyType)}
}

// Of are the indices of what the formula names, in its order; null and the empty list name nothing.
func (c *Choice) Of(x *hub.Exchange) (chosen []int, err error) {
	v, err := c.value.Apply(formula.NewFrame(x))
	if err != nil {
		return nil, err
	}
	if v.Kind() != doc.Array {
		v = doc.ListOf([]doc.Value{v})
	}
	for _, name := range v.Elems() {
		i := slices.Index(c.names, name.Str())
		switch {
		case name.IsNull():
		case name.Kind() != doc.String:
			return nil, hub.Fail(hub.Invalid, "no_"+c.what, "a %s is named by a text, and this is %s", c.what, name.Kind())
		case i < 0:
			return nil, hub.Fail(hub.Invalid, "unknown_"+c.what, "no %s is called %q: %s", c.what, name.Str(), shape.Known(name.Str(), c.names))
		default:
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}
