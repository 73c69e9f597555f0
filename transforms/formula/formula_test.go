package formula

import (
	"errors"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

const order = `{"order_id":"W-1","source":"web","total":129.90,"note":null,"vip":true,"big":9007199254740993,
"user":{"id":"u1","mail":"a@b.c","name":"José"},"tags":["a","b","a"],"nested":[[1,[2]],3],"nums":[3,1,2],"flags":[true,false],
"items":[{"sku":"A","quantity":2,"price":19.95,"parcel":"p1"},{"sku":"B","quantity":1,"price":5.00,"parcel":"p2"},
{"sku":"C","quantity":1,"price":85,"parcel":"p1","gift":true}],"empty":[],"when":"2026-03-01T10:00:00Z"}`

type clock struct{ hub.RealClock }

func (clock) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func frameOf(t testing.TB, body string) *Frame {
	t.Helper()
	m := &hub.Message{ID: "m1", Key: "k1", Correlation: "W-1", Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Headers: hub.Headers{"extras": "gift-wrap,engrave", "x-y": "1"}, Body: hub.NewBody([]byte(body))}
	x := hub.NewExchange(m, &hub.StageEnv{Clock: clock{}})
	v, err := doc.Parse([]byte(`{"reserved":true,"warehouse":"north","price":9.50}`))
	if err != nil {
		t.Fatal(err)
	}
	x.Vars = x.Vars.With("stock", v)
	return NewFrame(x)
}

func openScope() *Scope { return NewScope().WithVar("stock", shape.OpenObject) }

func must(t testing.TB, src string, s *Scope) *Formula {
	t.Helper()
	f, errs := Compile(src, s)
	if errs != nil {
		t.Fatalf("%s: %v", src, errs)
	}
	return f
}

func TestValues(t *testing.T) {
	cases := []struct{ src, want string }{
		// paths
		{`body.order_id`, `"W-1"`}, {`body["order_id"]`, `"W-1"`}, {`body.items[0].sku`, `"A"`}, {`body.items[-1].sku`, `"C"`},
		{`body.nothing`, `null`}, {`body.items[9]`, `null`}, {`body.pay?.type ?? "card"`, `"card"`}, {`body.pay?.token`, `null`},
		{`body.pay?.a.b.c`, `null`}, {`body.user?.id`, `"u1"`}, {`body.items?.[0].sku`, `"A"`}, {`body.none?.[0].sku`, `null`},
		{`first(body.empty)?.sku.x`, `null`}, {`body.items[len(body.items) - 1].sku`, `"C"`}, {`body[lower("VIP")]`, `true`},
		{`body.empty[0]?.x`, `null`}, {`first([])?.a ?? 1`, `1`}, {`(body.items)[1].sku`, `"B"`}, {`body.none?.[body.vip ? 1 : 0].x`, `null`},
		// the message
		{`headers.extras`, `"gift-wrap,engrave"`}, {`headers["x-y"]`, `"1"`}, {`headers["X-Y"]`, `"1"`}, {`headers.none ?? "-"`, `"-"`},
		{`headers[lower("X-Y")]`, `"1"`}, {`headers`, `{"extras":"gift-wrap,engrave","x-y":"1"}`},
		{`id + key + correlation`, `"m1k1W-1"`}, {`time`, `"2026-03-01T10:00:00Z"`}, {`stock.warehouse`, `"north"`},
		// exact numbers
		{`3 * 5.20`, `15.60`}, {`0.1 + 0.2`, `0.3`}, {`0.1 + 0.2 == 0.3`, `true`}, {`9007199254740993`, `9007199254740993`},
		{`body.big + 0`, `9007199254740993`}, {`123456789012345678901234567890`, `123456789012345678901234567890`},
		{`1.50`, `1.50`}, {`.5`, `0.5`}, {`5.`, `5`}, {`007`, `7`}, {`1_000`, `1000`}, {`0xff`, `255`}, {`1e3`, `1000`}, {`0b11`, `3`},
		{`10.00 / 4`, `2.50`}, {`7 % 3`, `1`}, {`-7 % 3`, `-1`}, {`2 ** 10`, `1024`}, {`2 ** -1`, `0.5`}, {`1.1 ^ 2`, `1.21`}, {`-2 ** 2`, `-4`}, {`(-2) ** 2`, `4`},
		{`1 - -1`, `2`}, {`+body.total`, `129.90`}, {`(1 + 2) * 3`, `9`}, {`1 + 2 * 3`, `7`}, {`2 ** 3 ** 2`, `512`},
		{`sum(body.items, .price * .quantity)`, `129.90`}, {`sum(body.items, .price * .quantity) == body.total`, `true`},
		// tests
		{`body.total > 2000 or body.source == "phone"`, `false`}, {`body.total > 100 && !(body.source == "phone")`, `true`},
		{`body.state in ["paid", "shipped"]`, `false`}, {`"a" in body.tags`, `true`}, {`"id" in body.user`, `true`}, {`5 in 1..9`, `true`},
		{`"z" not in body.tags`, `true`}, {`body.source in ["a","b","c","d","e","f","g","h","i","web"]`, `true`},
		{`body.order_id startsWith "W-"`, `true`}, {`body.order_id endsWith "2"`, `false`}, {`body.order_id contains "-"`, `true`},
		{`body.order_id matches "^W-[0-9]+$"`, `true`}, {`body.order_id not matches "^X"`, `true`}, {`body.user == {"id":"u1","mail":"a@b.c","name":"José"}`, `true`},
		{`body.note == nil`, `true`}, {`body.nothing == nil`, `true`}, {`nil != body.vip`, `true`}, {`body.when < "2026-03-01T10:00:01Z"`, `true`},
		{`1 < 2 < 3`, `true`}, {`body.total == 129.9`, `true`}, {`body.total != 129.9`, `false`}, {`"b" >= "a"`, `true`}, {`body.tags == ["a","b","a"]`, `true`},
		// branches
		{`body.vip ? "gold" : "none"`, `"gold"`}, {`if body.vip { 1 } else { 2 }`, `1`}, {`let n = len(body.items); n * n`, `9`},
		{`let two = 2; two + 1`, `3`}, {`body.note ?? "x"`, `"x"`}, {`(body.none ?? 1) + 1`, `2`},
		// closures
		{`any(body.items, .quantity > 1)`, `true`}, {`all(body.items, {.price > 5})`, `false`}, {`none(body.items, .sku == "Z")`, `true`},
		{`one(body.items, .quantity == 2)`, `true`}, {`map(body.items, .sku)`, `["A","B","C"]`}, {`map(body.items, #.sku + string(#index))`, `["A0","B1","C2"]`},
		{`map(body.items, {{sku: .sku, sum: .price * .quantity}})[0]`, `{"sku":"A","sum":39.90}`},
		{`filter(body.items, .price < 10) | map(.sku)`, `["B"]`}, {`body.items | count(.quantity == 1)`, `2`}, {`count(body.flags)`, `1`},
		{`find(body.items, .price > 10).sku`, `"A"`}, {`findLast(body.items, .price > 10).sku`, `"C"`}, {`findIndex(body.items, .sku == "B")`, `1`},
		{`findIndex(body.items, .sku == "Z") ?? -1`, `-1`}, {`find(body.items, false)`, `null`}, {`findLastIndex(body.items, .quantity == 1)`, `2`},
		{`groupBy(body.items, .parcel).p2`, `[{"sku":"B","quantity":1,"price":5.00,"parcel":"p2"}]`}, {`keys(groupBy(body.items, .quantity))`, `["2","1"]`},
		{`first(sortBy(body.items, .price)).sku`, `"B"`}, {`map(sortBy(body.items, .sku, "desc"), .sku)`, `["C","B","A"]`},
		{`reduce(body.nums, #acc + #)`, `6`}, {`reduce(body.items, #acc + .quantity, 0)`, `4`}, {`sum(body.nums)`, `6`},
		{`map(body.items, count(body.nums, # > 1))`, `[2,2,2]`}, {`map(1..3, map(1..#, # * 2))`, `[[2],[2,4],[2,4,6]]`},
		{`any(body.items, .gift ?? false)`, `true`}, {`all(body.empty, .x)`, `true`},
		{`map(body.items, let p = .price; p * 2)`, `[39.90,10.00,170]`}, {`reduce(1..3, concat(#acc, [#]), [])`, `[1,2,3]`},
		// lists and texts
		{`body.nums[1:]`, `[1,2]`}, {`body.nums[:-1]`, `[3,1]`}, {`"hello"[1:3]`, `"el"`}, {`body.user.name[3:]`, `"é"`}, {`body.nums[5:9]`, `[]`}, {`body.nums[2:1]`, `[]`},
		{`1..4`, `[1,2,3,4]`}, {`3..1`, `[]`}, {`[1, "a", nil, body.none]`, `[1,"a",null,null]`}, {`{a: 1, "b": body.none, ("c" + "d"): 2}`, `{"a":1,"cd":2}`},
		{`len(body.user.name)`, `4`}, {`min(body.nums)`, `1`}, {`max(3, 7.5, 2)`, `7.5`}, {`min(body.empty)`, `null`}, {`mean(body.nums)`, `2`}, {`max(["a","c"])`, `"c"`},
		{`flatten(body.nested)`, `[1,2,3]`}, {`uniq(body.tags)`, `["a","b"]`}, {`uniq([1, 1.0, 2])`, `[1,2]`}, {`sort(body.nums)`, `[1,2,3]`}, {`sort(["b","a"], "desc")`, `["b","a"]`},
		{`type(body.none)`, `"null"`}, {`type(body.total)`, `"number"`}, {`string(1.50) + "x"`, `"1.50x"`}, {`string(body.nums)`, `"[3,1,2]"`},
		{`number("5.20") * 3`, `15.60`}, {`number(" 007 ")`, `7`}, {`number("-0.50")`, `-0.50`}, {`int(7.9)`, `7`}, {`int(-7.9)`, `-7`}, {`int("12")`, `12`},
		{`round(2.5)`, `3`}, {`round(-2.345, 2)`, `-2.35`}, {`money(5)`, `5.00`}, {`money(1.005)`, `1.01`}, {`cents(12.34)`, `1234`}, {`cents(0.005)`, `1`},
		{`normPhone("+49 (0)171 / 234-567")`, `"+49171234567"`}, {`normPhone("0171 234567", "49")`, `"+49171234567"`}, {`normPhone("0049171234567")`, `"+49171234567"`},
		{`now()`, `"2026-03-01T12:00:00Z"`}, {`iso("2026-03-01 10:00")`, `"2026-03-01T10:00:00Z"`}, {`iso(0)`, `"1970-01-01T00:00:00Z"`},
		{`addDuration(body.when, "3d")`, `"2026-03-04T10:00:00Z"`}, {`addDuration("2026-03-01", "-1d12h")`, `"2026-02-27T12:00:00Z"`},
		{`iso("2026-03-01T10:00:00+02:00")`, `"2026-03-01T08:00:00Z"`}, {`fromJSON(toJSON(body.user)).id`, `"u1"`},
		{`split("a,b", ",")`, `["a","b"]`}, {`join(body.tags, "-")`, `"a-b-a"`}, {`split(headers.extras, ",") | join("+")`, `"gift-wrap+engrave"`},
		{`indexOf("José X", "X")`, `5`}, {`replace("a.b.c", ".", "")`, `"abc"`}, {`repeat("ab", 3)`, `"ababab"`},
		{"`raw\\n`", `"raw\\n"`}, {`"\u00e9"`, `"é"`},
	}
	fr := frameOf(t, order)
	for _, c := range cases {
		f, errs := Compile(c.src, openScope())
		if errs != nil {
			t.Errorf("%s: %v", c.src, errs)
			continue
		}
		v, err := f.Eval(fr)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if got := string(v.JSON()); got != c.want {
			t.Errorf("%s = %s, want %s", c.src, got, c.want)
		}
	}
}

// marked is a formula with the part at fault between ‹ and ›.
func marked(t *testing.T, s string) (src string, from, length int) {
	t.Helper()
	from, to := strings.Index(s, "‹"), strings.Index(s, "›")
	if from < 0 || to < 0 {
		t.Fatalf("no mark in %s", s)
	}
	return s[:from] + s[from+len("‹"):to] + s[to+len("›"):], from, to - from - len("‹")
}

func TestRunErrors(t *testing.T) {
	cases := []struct{ src, message, help, found string }{
		{`lower(‹body.user.email›)`, `body.user.email is missing`, `did you mean "mail"?`, `body.user = {"id":"u1","mail":"a@b.c","name":"José"}`},
		{`‹body.note› + 1`, `body.note is null`, ``, ``},
		{`1 + ‹body.none›`, `body.none is missing`, ``, ``},
		{`‹body.pay›.type`, `body.pay is missing`, `write body.pay?.type if it may be absent`, ``},
		{`‹body.zzzzzzz›.type`, `body.zzzzzzz is missing`, `write body.zzzzzzz?.type if it may be absent`, ``},
		{`lower(‹body.zzzzzzz›.type)`, `body.zzzzzzz is missing`, ``, ``},
		{`‹body.order_id› * 2`, `body.order_id is a string, not a number`, `use number(body.order_id)`, `body.order_id = "W-1"`},
		{`"n" + ‹body.total›`, `body.total is a number, not a string`, `use string(body.total)`, `body.total = 129.90`},
		{`‹body.total› ? 1 : 2`, `body.total is a number, not true or false`, ``, ``},
		{`1 / (‹body.total - body.total›)`, `body.total - body.total is 0: division by zero`, ``, ``},
		{`sum(body.items, ‹.amount›)`, `.amount is missing`, ``, `# = {"sku":"A","quantity":2,"price":19.95,"parcel":"p1"}`},
		{`sum(‹body.none›, .x)`, `body.none is missing`, ``, ``},
		{`sum(‹body.tags›)`, `body.tags[0] is a string, not a number`, ``, ``},
		{`any(body.items, ‹.gift›)`, `.gift is missing`, ``, ``},
		{`all(body.tags, ‹#›.x)`, `# is a string, not an object`, ``, `# = "a"`},
		{`int(‹body.order_id›)`, `body.order_id is no number`, ``, `body.order_id = "W-1"`},
		{`2 ** ‹body.big›`, `the exponent body.big must be a whole number from -1000 to 1000; it is 9007199254740993`, ``, ``},
		{`body.items[‹body.order_id›]`, `body.order_id is a string, not a whole number`, ``, ``},
		{`‹body.total›.x.y`, `body.total is a number, not an object`, ``, `body.total = 129.90`},
		{`headers.extras + ‹headers.none›`, `headers.none is missing`, ``, ``},
		{`sortBy(body.items, ‹.gift›)`, `.gift is missing`, ``, ``},
		{`‹reduce(body.empty, #acc + #)›`, `body.empty is empty, and there is no start: reduce(list, #acc + #, 0)`, ``, ``},
		{`max(‹body.nested›)`, `body.nested[0] is an array, not a number or a string`, ``, ``},
		{`iso(‹body.order_id›)`, `body.order_id is no time`, ``, ``},
		{`fromJSON(‹body.order_id›)`, ``, ``, ``},
		{`join(‹body.nums›)`, `body.nums[0] is a number, not a string`, `use map(body.nums, string(#))`, ``},
		{`"é" + lower(‹body.user.email›)`, `body.user.email is missing`, ``, ``},
	}
	fr := frameOf(t, order)
	for _, c := range cases {
		src, from, length := marked(t, c.src)
		f, errs := Compile(src, openScope())
		if errs != nil {
			t.Errorf("%s: %v", src, errs)
			continue
		}
		_, err := f.Eval(fr)
		r, ok := errors.AsType[*RunError](err)
		if !ok {
			t.Errorf("%s: no error", src)
			continue
		}
		if c.message != "" && r.Message != c.message || c.help != "" && r.Help != c.help || c.found != "" && r.Found != c.found {
			t.Errorf("%s:\n got %q %q %q\nwant %q %q %q", src, r.Message, r.Help, r.Found, c.message, c.help, c.found)
		}
		if r.Offset != from || r.Length != length || r.Source != src {
			t.Errorf("%s: at %d+%d %q, want %d+%d", src, r.Offset, r.Length, src[r.Offset:r.Offset+r.Length], from, length)
		}
		if e := hub.AsError(err); e.Class != hub.Invalid || e.Reason != ReasonTransform {
			t.Errorf("%s: class %s, reason %s", src, e.Class, e.Reason)
		}
	}
}
