package schema

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/transforms/shape"
)

// spell writes a type on one line: ! is required, ? may be null, … is open.
func spell(t *shape.Type) string {
	if t.IsAny() {
		return "any"
	}
	s := t.Kind.String()
	switch t.Kind {
	case shape.String:
		if len(t.Enum) > 0 {
			s = strings.Join(t.Enum, "|")
		}
	case shape.Array:
		s = "[" + spell(t.Elem) + "]"
	case shape.Object:
		var parts []string
		for _, f := range t.Fields {
			mark := ""
			if f.Required {
				mark = "!"
			}
			parts = append(parts, f.Name+mark+" "+spell(f.Type))
		}
		if t.Open {
			parts = append(parts, "… "+spell(t.Elem))
		}
		s = "{" + strings.Join(parts, ", ") + "}"
	}
	if t.Nullable && t.Kind != shape.Null {
		s += "?"
	}
	return s
}

// mutual is a schema of n parts that all hold each other: a naive walk takes n! steps.
func mutual(n int) string {
	var fields []string
	for i := range n {
		fields = append(fields, fmt.Sprintf(`"p%d":{"$ref":"#/$defs/d%d"}`, i, i))
	}
	var defs []string
	for i := range n {
		defs = append(defs, fmt.Sprintf(`"d%d":{"type":"object","properties":{%s}}`, i, strings.Join(fields, ",")))
	}
	return `{"$ref":"#/$defs/d0","$defs":{` + strings.Join(defs, ",") + `}}`
}

func TestShape(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{`true`, `any`}, {`{}`, `any`},
		{`{"type":"integer"}`, `number`},
		{`{"type":["string","null"]}`, `string?`},
		{`{"type":["string","number"]}`, `any`},
		{`{"type":["integer","number"]}`, `number`},
		{`{"type":"null"}`, `null`},
		{`{"enum":["a","b",null]}`, `a|b?`},
		{`{"const":"a"}`, `a`},
		{`{"type":"string","enum":["a",1]}`, `a`},
		{`{"enum":["a",1]}`, `any`},
		{`{"type":"object"}`, `{… any}`},
		{`{"type":"object","additionalProperties":false}`, `{}`},
		{`{"type":"object","additionalProperties":{"type":"number"}}`, `{… number}`},
		{`{"properties":{"z":{"type":"string"},"a":{}},"required":["z","q"]}`, `{z! string, a any, q! any}`},
		{`{"properties":{"z":true},"additionalProperties":true}`, `{z any, … any}`},
		{`{"properties":{"z":true},"patternProperties":{"^x-":{"type":"number"}}}`, `{z any, … any}`},
		{`{"type":"array","items":{"type":"string"}}`, `[string]`},
		{`{"type":"array"}`, `[any]`},
		{`{"items":{"type":"string"}}`, `[string]`},
		{`{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]}`, `[any]`},
		{`{"type":"array","prefixItems":[{"type":"string"},{"type":"null"}],"items":false}`, `[string?]`},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `string?`},
		{`{"oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":true},"required":["b"]}]}`, `{a string, b any}`},
		{`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{a string, b string}`},
		{`{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"b":{"type":"number"}}}],"$defs":{"base":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}}`,
			`{a! string, b number}`},
		{`{"allOf":[{"properties":{"a":{"type":["string","null"]}}},{"properties":{"a":{"type":"string"}},"required":["a"]}]}`, `{a! string}`},
		{`{"$ref":"#/$defs/x","type":["string","null"],"$defs":{"x":{"type":"string"}}}`, `string`},
		{`{"properties":{"kind":{"enum":["a","b"]}},"if":{"properties":{"kind":{"const":"a"}}},"then":{"properties":{"x":{"type":"number"}},"required":["x"]}}`,
			`{kind a|b, x number}`},
		{`{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"number"}}}`, `{next any, v number}`},
		{mutual(12), `{p0 any, p1 {p0 any, p1 any, p2 {p0 any`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a","type":"number"}}}`, `number`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":false}`, `[any]`},
	} {
		if got := spell(compileText(t, c.schema).Shape()); got != c.want && !(len(got) > 1000 && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n  got  %s\n  want %s", c.schema, got, c.want)
		}
	}
	s, _ := order(t)
	want := `{orderRef! string, placedAt! string, channel web-store|app, customer! {id! string, name string, email string, phone string, loyalty none|silver|gold}, ` +
		`currency! string, cart! [{sku! string, kind string, title string, qty! number, unitPrice! number}], shipTo! {name! string, street! string, zip! string, ` +
		`city! string, country! string}, payment! {method! card|invoice, token string}, note string?}`
	if got := spell(s.Shape()); got != want || s.Shape().String() != "schema order" {
		t.Errorf("order:\n got  %s\n want %s", got, want)
	}
}

func ExampleSchema_Shape() {
	s, _ := Compile("order.json", []byte(`{"properties": {"total": {"type": "number"}}, "required": ["total"]}`))
	total, _ := s.Shape().Field("total")
	fmt.Println(s.Shape(), "has", total)
	// Output: schema order has number
}
