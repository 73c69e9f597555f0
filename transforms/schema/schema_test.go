package schema

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"

	"github.com/google/go-cmp/cmp"
)

func order(t testing.TB) (*Schema, doc.Value) {
	t.Helper()
	s, err := Load("testdata/order.json")
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("testdata/order.sample.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, parse(t, string(src))
}

func parse(t testing.TB, src string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compileText(t testing.TB, src string) *Schema {
	t.Helper()
	s, err := Compile("test.json", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// faults writes one line for each field.
func faults(e *hub.Error) []string {
	if e == nil {
		return nil
	}
	var all []string
	for _, f := range e.Fields {
		all = append(all, f.Pointer+" "+f.Detail)
	}
	return all
}

func TestOrder(t *testing.T) {
	s, v := order(t)
	if !s.valid(v) {
		t.Error("the fast check is not sure of the sample order")
	}
	bad := strings.NewReplacer(`"qty":2`, `"qty":-1`, `"unitPrice":5.62`, `"unitPrice":5.625`, `"currency":"EUR"`, `"currency":"Euro"`,
		`"method":"card"`, `"method":"cash"`, `"id":"C-000007",`, ``, `"note":`, `"nota":`, `"zip":"00007"`, `"zip":7`).Replace(string(v.Source()))
	e := s.Validate(parse(t, bad))
	want := []string{
		"/cart/0/qty must be > 0, got -1",
		"/cart/1/unitPrice must be a multiple of 0.01, got 5.625",
		"/currency must match ^[A-Z]{3}$",
		"/customer/id is required",
		"/nota is not a known field",
		`/payment/method must be one of "card", "invoice", got "cash"`,
		"/shipTo/zip must be a string, got a number",
	}
	if diff := cmp.Diff(want, faults(e)); diff != "" {
		t.Error(diff)
	}
	if e.Class != hub.Invalid || e.Reason != "schema" || e.Error() != "does not fit schema order: /cart/0/qty: must be > 0, got -1 (and 6 more)" {
		t.Errorf("%s %s %s", e.Class, e.Reason, e)
	}
}

func TestFaultsAreLimited(t *testing.T) {
	s := compileText(t, `{"type":"array","items":{"type":"string"}}`)
	e := s.Validate(parse(t, "["+strings.Repeat("1,", 200)+"1]"))
	if len(e.Fields) != 20 || e.Fields[19].Pointer != "/19" || !strings.HasSuffix(e.Error(), "(and 200 more)") {
		t.Errorf("%d %v", len(e.Fields), e)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ schema, document, want string }{
		{`{"type":"object"}`, `[]`, ` must be an object, got an array`},
		{`{"type":["integer","null"]}`, `"x"`, ` must be a whole number or null, got a string`},
		{`{"type":"integer"}`, `1.5`, ` must be a whole number, got a fraction`},
		{`{"type":"integer"}`, `1.0`, ``},
		{`{"type":"string"}`, `true`, ` must be a string, got a bool`},
		{`{"maximum":0.1}`, `0.10000000000000000001`, ` must be <= 0.1, got 0.10000000000000000001`},
		{`{"maximum":12345678901234567890}`, `12345678901234567890`, ``},
		{`{"maximum":12345678901234567890}`, `12345678901234567891`, ` must be <= 12345678901234567890, got 12345678901234567891`},
		{`{"const":12345678901234567890}`, `12345678901234567891`, ` must be 12345678901234567890, got 12345678901234567891`},
		{`{"multipleOf":0.1}`, `12345678901234567890.3`, ``},
		{`{"multipleOf":0.1}`, `0.35`, ` must be a multiple of 0.1, got 0.35`},
		{`{"exclusiveMaximum":1e3}`, `1000`, ` must be < 1000, got 1000`},
		{`{"minimum":1e-400}`, `0`, ` must be >= 0.` + strings.Repeat("0", 399) + `1, got 0`},
		{`{"minLength":1}`, `""`, ` must not be empty`},
		{`{"minLength":3}`, `"äö"`, ` must have at least 3 characters, got 2`},
		{`{"maxLength":1}`, `"äö"`, ` must have at most 1 character, got 2`},
		{`{"minItems":1}`, `[]`, ` must not be empty`},
		{`{"maxItems":1}`, `[1,2]`, ` must have at most 1 item, got 2`},
		{`{"uniqueItems":true}`, `[1,2,1.0]`, ` items 0 and 2 are the same`},
		{`{"minProperties":2}`, `{"a":1}`, ` must have at least 2 fields, got 1`},
		{`{"required":["a/b~"]}`, `{}`, `/a~1b~0 is required`},
		{`{"dependentRequired":{"card":["token"]}}`, `{"card":1}`, `/token is required beside card`},
		{`{"properties":{"a":false}}`, `{"a":1}`, `/a is not allowed`},
		{`{"not":{"type":"null"}}`, `null`, ` has a form that is not allowed`},
		{`{"propertyNames":{"maxLength":3}}`, `{"long":1}`, ` the field name "long" is not allowed`},
		{`{"contains":{"const":1}}`, `[2]`, ` no item is as the schema wants at least one to be`},
		{`{"enum":["a","b",1,null]}`, `{"x":1}`, ` must be one of "a", "b", 1, null`},
		{`{"const":"x"}`, `"` + strings.Repeat("ü", 30) + `"`, ` must be "x", got "` + strings.Repeat("ü", 20) + `…"`},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, ` must be a string or null, got a number`},
		{`{"anyOf":[{"type":"object","required":["a"]},{"type":"null"}]}`, `{}`, `/a is required`},
		{`{"oneOf":[{"required":["a"]},{"required":["b","c"]}]}`, `{}`, ` fits none of the 2 allowed forms; the nearest: /a is required`},
		{`{"oneOf":[{"minimum":1},{"maximum":9}]}`, `5`, ` fits more than one of the allowed forms (1 and 2), exactly one must fit`},
		{`{"allOf":[{"minimum":9},{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"string"}}}`, `5`, " must be >= 9, got 5\n must be a string, got a number"},
		{`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, `/b is required`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"email"}`, `"x"`, ` must be a valid email`},
		{`{"format":"email"}`, `"x"`, ``},
		{`{"prefixItems":[{"type":"number"}],"items":{"type":"string"}}`, `[1,2,"x","y",3,4,5,6,7,8,9]`, "/1 must be a string, got a number\n/4 must be a string, got a number\n" +
			"/5 must be a string, got a number\n/6 must be a string, got a number\n/7 must be a string, got a number\n/8 must be a string, got a number\n" +
			"/9 must be a string, got a number\n/10 must be a string, got a number"},
		{`false`, `1`, ` is not allowed`},
		{`true`, `1`, ``},
		{`{"$ref":"#"}`, `1`, ` both`},
	} {
		e := compileText(t, c.schema).Validate(parse(t, c.document))
		got := strings.Join(faults(e), "\n")
		if c.want == " both" && strings.HasPrefix(got, c.want) {
			continue
		}
		if got != c.want {
			t.Errorf("%s\n  of %s:\n  got  %q\n  want %q", c.document, c.schema, got, c.want)
		}
	}
}

// A computed document (not parsed, Missing inside) is judged as the JSON that it becomes.
func TestComputedDocuments(t *testing.T) {
	s := compileText(t, `{"type":"object","required":["a"],"properties":{"a":{"type":["null","number"]}},"additionalProperties":{"type":"string"}}`)
	for _, v := range []doc.Value{
		doc.ObjectOf([]doc.Field{{Name: "a", Value: doc.Value{}}, {Name: "b", Value: doc.StringValue("x")}}),
		doc.ObjectOf([]doc.Field{{Name: "a", Value: doc.IntValue(1)}}),
	} {
		if e := s.Validate(v); e != nil || !s.valid(v) {
			t.Errorf("%s: %v", v, e)
		}
	}
	if e := s.Validate(doc.Value{}); e == nil || e.Error() != "does not fit schema test: the document must be an object, got null" {
		t.Errorf("missing: %v", e)
	}
}

func BenchmarkValidate(b *testing.B) {
	s, v := order(b)
	b.Run("fast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s.Validate(v) != nil {
				b.Fatal("not valid")
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s.validateSlow(v) != nil {
				b.Fatal("not valid")
			}
		}
	})
}

func ExampleSchema_Validate() {
	s, _ := Compile("order.json", []byte(`{"properties": {"items": {"items": {"properties": {"qty": {"exclusiveMinimum": 0}}}}}}`))
	v, _ := doc.Parse([]byte(`{"items": [{"qty": -1}]}`))
	e := s.Validate(v)
	fmt.Println(e.Fields[0].Pointer, e.Fields[0].Detail)
	// Output: /items/0/qty must be > 0, got -1
}
