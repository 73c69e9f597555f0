package formula

import (
	"fmt"
	"testing"

	"orderhub/transforms/shape"
)

func TestCompileErrors(t *testing.T) {
	s, _ := orderHub(orderType(), map[string]*shape.Type{"it": itemType(), "bodies": shape.ArrayOf(nil)}, map[string]string{"it": "{}", "bodies": "[]"})
	cases := []struct{ src, message, help string }{
		{`body.‹custmer›.id`, `schema order has no field custmer`, `did you mean "customer"?`},
		{`body.‹totl›`, `schema order has no field totl`, `did you mean "total"?`},
		{`body[‹"totl"›]`, `schema order has no field totl`, ``},
		{`body.customer.‹mail›`, `body.customer has no field mail`, `did you mean "email"?`},
		{`sum(body.items, .‹pric› * .quantity)`, `.pric`, ``},
		{`it.‹qty›`, `it has no field qty`, `known: sku, quantity, price, parcel`},
		{`‹uper›(body.order_id)`, `unknown name uper`, `did you mean "upper"?`},
		{`‹tabel›("x")`, `unknown name tabel`, `did you mean "table"?`},
		{`‹ordr›.total`, `unknown name ordr`, ``},
		{`‹bdy›.total`, `unknown name bdy`, `did you mean "body"?`},
		{`‹total› > 5`, `unknown name total`, `did you mean "body.total"?`},
		{`any(body.items, ‹sku› == "A")`, `unknown name sku`, `did you mean ".sku"?`},
		{`‹lower› == "x"`, `lower is a function`, `write lower(...)`},
		{`body.total ‹=› 5`, `unexpected token "="`, `use == to compare`},
		{`body.total =‹=›= 5`, ``, ``},
		{`‹body.total == "5"›`, `these are never equal: body.total is a number, "5" is a string`, `write the number without quotes, or string(body.total)`},
		{`‹body.order_id == 5›`, `these are never equal: body.order_id is a string, 5 is a number`, `use number(body.order_id)`},
		{`‹body.total > "5"›`, `these can't be compared: body.total is a number, "5" is a string`, ``},
		{`‹"n" + body.total›`, `+ can't join a string and a number: "n" is a string, body.total is a number`, `use string(body.total)`},
		{`‹body.items› + 1`, `body.items must be a number or a string; it is an array of object`, ``},
		{`lower(‹body.total›)`, `body.total must be a string; it is a number`, `use string(body.total)`},
		{`‹body.order_id› * 2`, `body.order_id must be a number; it is a string`, `use number(body.order_id)`},
		{`‹len›`, `len is a function`, ``},
		{`‹len(body.order_id, 2)›`, `len takes 1 value, not 2`, ``},
		{`‹now(1)›`, `now takes 0 values, not 1`, ``},
		{`body.items.‹sku›`, `body.items is an array, it has no field sku`, `write body.items[0].sku for one, map(body.items, .sku) for all`},
		{`body.total.‹x›`, `body.total is a number, it has no field x`, ``},
		{`body.source == ‹"fone"›`, `body.source is never "fone"`, `did you mean "phone"?`},
		{`body.source in ‹["web", "mail"]›`, `body.source is never "mail"`, `it is one of web, phone, sales`},
		{`map(body.items, {sku‹:› .sku})`, `unexpected token ":"`, `inside a function an object needs double braces: map(xs, {{name: .x}})`},
		{`max(body.items, ‹.›price)`, `unexpected token "."`, `max takes no closure; write max(map(list, .field))`},
		{`‹.›price > 5`, `unexpected token "."`, `.field and # stand for an element inside map, filter, sum, any, ...; elsewhere name the list, e.g. body.items`},
		{`sum(body.items, .price‹›`, `the formula ends too early`, `"(" is not closed`},
		{`body.total > ‹›`, `the formula ends too early`, ``},
		{`body.order_id == "abc‹›`, `a text is not closed`, ``},
		{`body.total <‹>› 5`, `unexpected token ">"`, `use != for not equal`},
		{`body.total > 5 ‹AND› true`, `unexpected token "AND"`, `write and in small letters`},
		{`body.total ‹total›`, `unexpected token "total"`, `is an operator or a comma missing before it?`},
		{`not ‹body.total›`, `body.total must be true or false; it is a number`, ``},
		{`body.total > 5 and ‹body.items›`, `body.items must be true or false; it is an array of object`, ``},
		{`‹body.total› ? 1 : 2`, `body.total must be true or false; it is a number`, ``},
		{`filter(body.items, ‹.price›)`, `.price must be true or false; it is a number`, ``},
		{`sum(‹body.total›, .x)`, `body.total must be an array; it is a number`, ``},
		{`sum(body.items, ‹.sku›)`, `.sku must be a number; it is a string`, `use number(.sku)`},
		{`sum(‹body.items›)`, `sum needs numbers; body.items is an array of object`, `say what to add up: sum(body.items, .price)`},
		{`body.order_id matches ‹"("›`, "bad pattern: missing closing ): `(`", ``},
		{`body.order_id matches ‹body.source›`, `the pattern must be a constant`, ``},
		{`1 / ‹0›`, `0 is 0: division by zero`, ``},
		{`int(‹"1.5"›)`, `"1.5" is no whole number`, ``},
		{`‹body.order_id.upper()›`, `values have no methods`, `write upper(body.order_id)`},
		{`‹date›("2026-01-01")`, `unknown name date`, ``},
		{`‹body.total; 2›`, `only the last part of a sequence would be used`, ``},
		{`‹b"x"›`, `bytes are no value of a document`, ``},
		{`let ‹body› = 1; body`, `body is a name of the scope already`, ``},
		{`table(‹5›)`, `table: argument 1: it must be a string, not a number`, `use string(...)`},
		{`‹5 in ["a"]›`, `5 is a number, it is never in ["a"]: an array of string`, ``},
		{`‹1..1000000000›[0]`, ``, ``},
		{`‹repeat("x", 1000000000)›`, `the formula needs more than 16777216 bytes`, ``},
		{`"é" + ‹uper›("x")`, `unknown name uper`, ``},
		{`‹body.order_id in body.total›`, ``, ``},
		{`body.items["‹0›"]`, ``, ``},
		{`2 ** ‹99999›`, `the exponent 99999 must be a whole number from -1000 to 1000; it is 99999`, ``},
		{`‹(9 ** 1000)›`, ``, ``},
		{`body.total ?? 1 ‹+› 2`, `?? can't be mixed with other operators`, `write parentheses: (body.a ?? 0) + 1`},
		{`‹$›x > 5`, ``, ``},
		{`body.total ‹@› 5`, ``, ``},
	}
	for _, c := range cases {
		src, from, length := marked(t, c.src)
		f, errs := Compile(src, s)
		if c.message == "" {
			if errs == nil && f == nil {
				t.Errorf("%s: neither a formula nor an error", src)
			}
			continue // only that it does not crash
		}
		if len(errs) == 0 {
			t.Errorf("%s: no error", src)
			continue
		}
		e := errs[0]
		if c.message == ".pric" {
			c.message, c.help = "the element has no field pric", `did you mean "price"?`
		}
		if e.Message != c.message || c.help != "" && e.Help != c.help {
			t.Errorf("%s:\n got %q, %q\nwant %q, %q", src, e.Message, e.Help, c.message, c.help)
		}
		if (e.Offset != from || e.Length != length) && length > 0 && src[from] != '"' || length == 0 && e.Offset > len(src) {
			t.Errorf("%s: at %d+%d, want %d+%d", src, e.Offset, e.Length, from, length)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	s, _ := orderHub(orderType(), nil, nil)
	_, errs := Compile(`body.totl > 5 and uper(body.order_id) == "X" and body.total == "5" and any(body.items, .skew == 1)`, s)
	var got []string
	for _, e := range errs {
		got = append(got, fmt.Sprintf("%d %s", e.Offset, e.Message))
	}
	want := []string{"5 schema order has no field totl", "18 unknown name uper", `49 these are never equal: body.total is a number, "5" is a string`, "88 the element has no field skew"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTypes(t *testing.T) {
	s, _ := orderHub(orderType(), nil, nil)
	for src, want := range map[string]string{
		`body`: "schema order", `body.total`: "number", `body.customer.profile`: "object or null", `body.items`: "array of object",
		`map(body.items, .sku)`: "array of string", `first(body.items)`: "object or null", `body.customer.profile?.region ?? "x"`: "any value",
		`groupBy(body.items, .sku)`: "object", `groupBy(body.items, .sku)["A"]`: "array of object or null", `1 > 2`: "bool", `body.payment.card ?? "x"`: "string",
		`body.total > 1 ? 1 : "x"`: "any value", `body.total > 1 ? 1 : nil`: "number or null", `table("x")`: "object", `[1, 2]`: "array of number",
		`sum(body.items, .price)`: "number", `max(map(body.items, .price))`: "number or null", `headers.x`: "string or null",
	} {
		if f, errs := Compile(src, s); errs != nil {
			t.Errorf("%s: %v", src, errs)
		} else if got := f.Type().String(); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	s, _ := orderHub(orderType(), nil, nil)
	for src, want := range map[string]string{
		`body.total`: "a condition must be true or false, this is a number", `body.items`: "a condition must be true or false, this is an array of object",
		`body.total > 1`: "", `body.customer.profile.vip`: "",
	} {
		_, errs := CompileBool(src, s)
		if got := fmt.Sprint(errs); want == "" && errs != nil || want != "" && (len(errs) != 1 || errs[0].Message != want) {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
	f := must(t, `body.vip`, NewScope())
	for body, want := range map[string]string{`{"vip":true}`: "", `{"vip":null}`: "body.vip is null", `{}`: "body.vip is missing", `{"vip":1}`: "body.vip is a number, not true or false"} {
		_, err := f.Bool(frameOf(t, body))
		if want == "" && err != nil || want != "" && (err == nil || err.(*RunError).Message != want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestPathAndPurity(t *testing.T) {
	s, _ := orderHub(shape.AnyType, nil, nil)
	for src, want := range map[string]string{
		`body.order_id`: "[body.order_id]", `body`: "[body]", `headers["X-y"]`: "[headers.x-y]", `body.items[0].sku`: "[body.items]",
		`body.a + 1`: "[body.a]", `(body.a.b)`: "[body.a.b]", `body.a?.b`: "[body.a.b]", `body.a?.b.c`: "[body.a.b.c]", `body["a b"]`: "[body.a b]",
		`body[body.name].x`: "[body body.name]", `"body.x" + body.y + body.y`: "[body.y]", `null == body.a`: "[body.a]",
		`sum(body.items, .price * body.rate)`: "[body.items body.rate]", `let x = body.a; x.b`: "[body.a]",
		`table(body.t).x`: "[body.t]",
	} {
		if got := fmt.Sprint(must(t, src, s).Reads().Paths); got != want {
			t.Errorf("%s reads %v, want %s", src, got, want)
		}
		if got := fmt.Sprint(ReadsOf("=" + src).Paths); got != want {
			t.Errorf("the text %s reads %v, want %s", src, got, want)
		}
	}
	if got := fmt.Sprint(must(t, `len(map(body.items, upper(.a))) + len(table("x"))`, s).Reads().Functions); got != "[len map table upper]" {
		t.Errorf("functions %v", got)
	}
	for src, want := range map[string]bool{`now()`: false, `table("x")`: false, `body.a`: true, `uuid5("x")`: true} {
		if must(t, src, s).Pure() != want {
			t.Errorf("%s: pure is not %v", src, want)
		}
	}
	if got := must(t, `body.a + body.b + headers.c`, s).Reads().Names(); fmt.Sprint(got) != "[body headers]" {
		t.Errorf("names %v", got)
	}
}
