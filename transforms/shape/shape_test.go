package shape

import (
	"fmt"
	"testing"

	"orderhub/hub/doc"
)

func order() *Type {
	item := ObjectType(Field{"sku", StringType, true}, Field{"price", NumberType, true}, Field{"gift", BoolType, false})
	return Named(ObjectType(Field{"id", StringType, true}, Field{"source", EnumOf("web", "phone"), true}, Field{"total", NumberType, true},
		Field{"user", ObjectType(Field{"mail", StringType, true}, Field{"name", StringType, false}), true}, Field{"items", ArrayOf(item), true}), "schema order")
}

func sample(t *testing.T, src string) *Type {
	t.Helper()
	v, err := doc.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return OfValue(v)
}

func TestAssignable(t *testing.T) {
	for _, c := range []struct{ from, want string }{
		{`{"id":"1","source":"web","total":1,"user":{"mail":"a"},"items":[{"sku":"a","price":1}]}`, "[]"},
		{`{"id":"1","source":"web","total":1,"user":{"mail":"a"},"items":[]}`, "[]"},
		{`{"id":1,"source":"web","total":1,"user":{"mail":"a"},"items":[]}`, "[{id id must be a string, not a number use string(...)}]"},
		{`{"id":"1","source":"web","totl":1,"user":{"mail":"a"},"items":[]}`,
			`[{total total is missing; schema order requires it } {totl schema order has no field totl did you mean "total"?}]`},
		{`{"id":"1","source":"web","total":null,"user":{"nam":"a"},"items":[{"sku":"a","price":"1"}]}`,
			`[{total total must not be null; it is a number } {user.mail user.mail is missing; an object requires it } {user.nam this object has no field nam did you mean "name"?} {items[].price items[].price must be a number, not a string use number(...)}]`},
		{`[1]`, "[{ it must be schema order, not an array of number }]"},
	} {
		if got := fmt.Sprint(Assignable(sample(t, c.from), order())); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.from, got, c.want)
		}
	}
	if m := Assignable(EnumOf("fone"), EnumOf("web", "phone")); len(m) != 1 || m[0].Help != `did you mean "phone"?` {
		t.Error(m)
	}
	if m := Assignable(AnyType, order()); m != nil {
		t.Error(m)
	}
	if m := Assignable(ObjectType(Field{"a", StringType, true}), MapType(NumberType)); len(m) != 1 {
		t.Error(m)
	}
}

func TestJoin(t *testing.T) {
	a := ObjectType(Field{"x", NumberType, true}, Field{"y", StringType, true})
	b := ObjectType(Field{"x", NumberType, true}, Field{"z", BoolType, true})
	j := Join(a, b)
	for name, want := range map[string]string{"x": "number", "y": "string or null", "z": "bool or null"} {
		if f, ok := j.Field(name); !ok || f.String() != want {
			t.Errorf("%s is %v, want %s", name, f, want)
		}
	}
	for _, c := range []struct {
		a, b *Type
		want string
	}{{NumberType, NumberType, "number"}, {NumberType, NullType, "number or null"}, {NumberType, StringType, "any value"}, {nil, NumberType, "any value"},
		{ArrayOf(NumberType), ArrayOf(nil), "array of number"}, {ArrayOf(NumberType), ArrayOf(StringType), "array"}} {
		if got := Join(c.a, c.b).String(); got != c.want {
			t.Errorf("Join(%v, %v) = %s, want %s", c.a, c.b, got, c.want)
		}
	}
	if e := Join(EnumOf("a"), EnumOf("b")).Enum; fmt.Sprint(e) != "[a b]" {
		t.Error(e)
	}
}

func TestEdit(t *testing.T) {
	o := order()
	set := o.With([]string{"user", "parcel"}, StringType).With([]string{"new", "deep"}, NumberType)
	if f, ok := set.Field("new"); !ok || f.Names()[0] != "deep" {
		t.Error(set.Names())
	}
	if u, _ := set.Field("user"); fmt.Sprint(u.Names()) != "[mail name parcel]" {
		t.Error(u.Names())
	}
	if u, _ := o.Field("user"); len(u.Fields) != 2 {
		t.Error("With changed the original")
	}
	less := o.Without([]string{"user.name", "items.price", "total"})
	items, _ := less.Field("items")
	if fmt.Sprint(less.Names(), items.Elem.Names()) != "[id source user items] [sku gift]" {
		t.Error(less.Names(), items.Elem.Names())
	}
	few := o.Pick([]string{"items.sku", "id"})
	items, _ = few.Field("items")
	if fmt.Sprint(few.Names(), items.Elem.Names()) != "[id items] [sku]" || few.Open {
		t.Error(few.Names(), items.Elem.Names())
	}
	if got := OpenObject.Pick([]string{"sku"}); fmt.Sprint(got.Names()) != "[sku]" {
		t.Error(got.Names())
	}
	if got := AnyType.With([]string{"a", "b"}, NumberType); !got.Open || got.Kind != Object {
		t.Error(got)
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		name, want string
		known      []string
	}{
		{"custmer", "customer", []string{"order", "customer"}}, {"totl", "total", []string{"total", "title"}}, {"email", "mail", []string{"id", "mail"}},
		{"qty", "", []string{"sku", "quantity", "price"}}, {"uper", "upper", []string{"lower", "upper"}}, {"lnegth", "length", []string{"length"}},
		{"x", "", []string{"abc"}}, {"ab", "", []string{"yz"}}, {"Total", "total", []string{"total"}}, {"", "", []string{"a"}},
	} {
		if got, _ := Nearest(c.name, c.known); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
