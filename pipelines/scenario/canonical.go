package scenario

import (
	"cmp"
	"slices"

	"orderhub/hub/doc"
)

// canonical is a value as JSON with its fields sorted, so that values that are equal are the same text.
func canonical(v doc.Value) string { return string(sorted(v).JSON()) }

func sorted(v doc.Value) doc.Value {
	switch v.Kind() {
	case doc.Object:
		var fields []doc.Field
		for name, value := range v.Fields() {
			fields = append(fields, doc.Field{Name: name, Value: sorted(value)})
		}
		slices.SortFunc(fields, func(a, b doc.Field) int { return cmp.Compare(a.Name, b.Name) })
		return doc.ObjectOf(fields)
	case doc.Array:
		var items []doc.Value
		for _, item := range v.Elems() {
			items = append(items, sorted(item))
		}
		return doc.ListOf(items)
	case doc.Number:
		return doc.NumberValue(v.Num().Normal())
	}
	return v
}
