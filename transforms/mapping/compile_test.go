package mapping

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"

	"github.com/google/go-cmp/cmp"
)

func req(name string, t *shape.Type) shape.Field {
	return shape.Field{Name: name, Type: t, Required: true}
}
func opt(name string, t *shape.Type) shape.Field { return shape.Field{Name: name, Type: t} }

var (
	lineType  = shape.ObjectType(req("sku", shape.StringType), req("quantity", shape.NumberType), opt("note", shape.OrNull(shape.StringType)))
	orderType = shape.Named(shape.ObjectType(req("order_id", shape.StringType), req("items", shape.ArrayOf(lineType)), opt("tags", shape.ArrayOf(shape.StringType)),
		opt("method", shape.EnumOf("card", "invoice")), opt("meta", shape.OpenObject), opt("prices", shape.MapType(shape.NumberType)),
		opt("customer", shape.ObjectType(req("id", shape.StringType)))), "schema order")
	webType = shape.Named(shape.ObjectType(req("number", shape.StringType), req("qty", shape.NumberType), opt("note", shape.StringType),
		req("lines", shape.ArrayOf(shape.ObjectType(req("sku", shape.StringType), req("qty", shape.NumberType), req("parts", shape.ArrayOf(shape.StringType)))))), "schema web-order")
)

func TestCompileErrors(t *testing.T) {
	const items = `"order_id":"x","items":[]`
	for _, c := range []struct{ mapping, want string }{
		{`{` + items + `}`, ""},
		{`{"order_id":"=body.numbr","items":[]}`, `order_id [5+5]: `},
		{`{}`, "@ [0+0]: order_id is missing; schema order requires it\n@ [0+0]: items is missing; schema order requires it"},
		{`{` + items + `,"total":1}`, `total! [0+0]: schema order has no field total; it has order_id, items, tags, method, meta, prices, customer`},
		{`{"order_id":"x","itms":[]}`, `itms! [0+0]: schema order has no field itms; did you mean "items"?`},
		{`{"order_id":5,"items":[]}`, `order_id [0+0]: order_id must be a string, not a number; use string(...)`},
		{`{"order_id":"=body.qty","items":[]}`, `order_id [0+8]: order_id must be a string, not a number; use string(...)`},
		{`{"order_id":{"a":1},"items":[]}`, `order_id [0+0]: order_id must be a string, not an object`},
		{`{"order_id":"x","items":{"a":1}}`, `items [0+0]: items must be an array of object, not an object`},
		{`{"order_id":"x","items":[{"sku":"a"}]}`, `items[] [0+0]: items[].quantity is missing; items[] requires it`},
		{`{"order_id":"x","items":{"$each":"body.lines","sku":"=it.sku","quantity":"=it.sku"}}`, `items.quantity [0+6]: items[].quantity must be a number, not a string; use number(...)`},
		{`{"order_id":"x","items":{"$each":"body.lines","sku":"=it.sku","quantty":"=it.qty"}}`, `items.quantty! [0+0]: items[] has no field quantty; did you mean "quantity"?`},
		{`{"order_id":"x","items":{"$each":"body.lines","$value":"=it.sku"}}`, `items.$value [0+6]: items[] must be an object, not a string`},
		{`{"order_id":"x","items":{"$each":"body.lines","$value":"=it.sku","sku":1}}`, "items.sku! [0+0]: beside $value no other field can stand; leave one of them out\nitems.$value [0+6]: items[] must be an object, not a string"},
		{`{"order_id":"x","items":{"$each":"body.number","sku":"a","quantity":1}}`, `items.$each [0+11]: $each needs a list; body.number is a string`},
		{`{` + items + `,"tags":{"$each":"body.lines","$value":{"$each":"it.parts","$value":"=it"}}}`, `tags.$value [0+0]: tags[] must be a string, not an array`},
		{`{` + items + `,"method":"cash"}`, `method [0+0]: method must be one of card, invoice, not "cash"`},
		{`{` + items + `,"method":"=body.qty > 1 ? \"card\" : \"inovice\""}`, `method [0+33]: method must be one of card, invoice, not "inovice"; did you mean "invoice"?`},
		{`{` + items + `,"meta":{"any":"=body.qty"},"prices":{"a":"=body.qty","b":"=body.number"}}`, `prices.b [0+11]: prices.b must be a number, not a string; use number(...)`},
		{`{` + items + `,"customer":{}}`, `customer [0+0]: customer.id is missing; customer requires it`},
		{`{` + items + `,"customer":"=body.lines[0]"}`, "customer [0+13]: customer: id is missing\ncustomer [0+13]: customer: this object has no field sku\ncustomer [0+13]: customer: this object has no field qty\ncustomer [0+13]: customer: this object has no field parts"},
		{`{` + items + `,"tags":["a",1,"=it"]}`, "tags[] [0+0]: tags[] must be a string, not a number; use string(...)\ntags[] [0+2]: unknown name it"},
		{`{"order_id":null,"items":[]}`, `order_id [0+0]: order_id must not be null`},
		{`{` + items + `,"customer":{"$when":"body.qty","id":"a"}}`, `customer.$when [0+8]: a condition must be true or false, this is a number`},
		{`{` + items + `,"tags":{"$each":"body.lines","$when":"it.qty","$value":"=outer"}}`, "tags.$when [0+6]: a condition must be true or false\ntags.$value [0+5]: unknown name outer"},
		{`"=body.lines"`, `@ [0+10]: the document must be schema order, not an array of object`},
	} {
		v, err := doc.Parse([]byte(c.mapping))
		if err != nil {
			t.Fatal(err)
		}
		m, errs := Compile(tree(v, ""), formula.NewScope().WithBody(webType), orderType)
		var got []string
		for _, e := range errs {
			pos := e.Pos
			if pos == "" {
				pos = "@"
			}
			text := fmt.Sprintf("%v [%d+%d]: %s", pos, e.Offset, e.Length, e.Message)
			if e.Help != "" {
				text += "; " + e.Help
			}
			got = append(got, text)
		}
		want := strings.Split(c.want, "\n")
		if c.want == "" {
			want = nil
		}
		ok := len(got) == len(want) && (m == nil) == (len(errs) > 0)
		for i := range want {
			ok = ok && strings.HasPrefix(got[i], want[i])
		}
		if !ok {
			t.Errorf("%s:\n%s", c.mapping, cmp.Diff(want, got))
		}
	}
}

// What a mapping makes is of the type that it says, and of its target.
func TestType(t *testing.T) {
	src := `{"order_id":"=body.number","items":{"$each":"body.lines","sku":"=it.sku","quantity":"=it.qty * 2","note":"=body.note"},` +
		`"tags":{"$each":"body.lines","$value":"=lower(it.sku)"},"customer":{"$when":"body.qty > 1","id":"=body.number"},"prices":{"a":1}}`
	m, errs := Compile(tree(parse(t, src), ""), formula.NewScope().WithBody(webType), orderType)
	if errs != nil {
		t.Fatal(errs[0])
	}
	typ := m.Type()
	for path, want := range map[string]string{"order_id": "string", "items": "array of object", "tags": "array of string", "customer": "object or null"} {
		if f, ok := typ.Field(path); !ok || f.String() != want {
			t.Errorf("%s is %v, want %s", path, f, want)
		}
	}
	note, _ := typ.Fields[1].Type.Element().Field("note")
	if note.String() != "string or null" {
		t.Errorf("note is %v", note)
	}
	if found := shape.Assignable(typ, orderType); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// No target object has a field twice: the Builder is not asked to look. JSON and YAML refuse it before; a Tree can be made in other ways.
func TestFieldTwice(t *testing.T) {
	one := &Tree{Kind: Literal, Literal: doc.IntValue(1)}
	twice := []Field{{Name: "a", NamePos: 1, Tree: one}, {Name: "b", NamePos: 2, Tree: one}, {Name: "a", NamePos: 3, Tree: one}}
	for _, tree := range []*Tree{{Kind: Object, Fields: twice}, {Kind: Each, Each: "body", Fields: twice}} {
		_, errs := Compile(tree, formula.NewScope(), nil)
		if len(errs) != 1 || errs[0].Pos != 3 || errs[0].Message != "the field a stands here twice" {
			t.Errorf("got %v", errs)
		}
	}
}
