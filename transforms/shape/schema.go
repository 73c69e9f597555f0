package shape

import "orderhub/hub/doc"

// kindNames are the kinds as JSON Schema calls them.
var kindNames = map[Kind]string{Null: "null", Bool: "boolean", Number: "number", String: "string", Array: "array", Object: "object"}

// Schema is the JSON Schema of t: whatever is of the type fits it.
func (t *Type) Schema() doc.Value {
	if t.IsAny() {
		return doc.ObjectOf(nil)
	}
	kind := doc.StringValue(kindNames[t.Kind])
	if t.Nullable && t.Kind != Null {
		kind = doc.ListOf([]doc.Value{kind, doc.StringValue(kindNames[Null])})
	}
	out := []doc.Field{{Name: "type", Value: kind}}
	add := func(name string, v doc.Value) { out = append(out, doc.Field{Name: name, Value: v}) }
	switch {
	case t.Kind == Array && !t.Element().IsAny():
		add("items", t.Element().Schema())
	case t.Kind == Object:
		out = append(out, t.properties()...)
	case len(t.Enum) > 0:
		var texts []doc.Value
		for _, text := range t.Enum {
			texts = append(texts, doc.StringValue(text))
		}
		if t.Nullable {
			texts = append(texts, doc.NullValue())
		}
		add("enum", doc.ListOf(texts))
	}
	return doc.ObjectOf(out)
}

// properties are what a schema says of the fields of an object.
func (t *Type) properties() (out []doc.Field) {
	var fields []doc.Field
	var required []doc.Value
	for _, f := range t.Fields {
		fields = append(fields, doc.Field{Name: f.Name, Value: f.Type.Schema()})
		if f.Required && !f.Type.IsAny() && !f.Type.Nullable { // a value that may be null may be missing
			required = append(required, doc.StringValue(f.Name))
		}
	}
	if len(fields) > 0 {
		out = append(out, doc.Field{Name: "properties", Value: doc.ObjectOf(fields)})
	}
	if len(required) > 0 {
		out = append(out, doc.Field{Name: "required", Value: doc.ListOf(required)})
	}
	switch {
	case !t.Open:
		out = append(out, doc.Field{Name: "additionalProperties", Value: doc.BoolValue(false)})
	case !t.Element().IsAny():
		out = append(out, doc.Field{Name: "additionalProperties", Value: t.Element().Schema()})
	}
	return out
}
