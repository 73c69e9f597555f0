package formula

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// No formula can hang or eat the machine, whatever the document is.
func TestBudget(t *testing.T) {
	long := strings.Repeat("a", 200_000)
	cases := []string{
		`repeat(body.x, 1000000000)`, `repeat(body.x, body.n)`, `1..1000000000`, `body.n..body.n * 2`, `-9223372036854775807..9223372036854775807`,
		`map(1..1000, map(1..1000, map(1..1000, #)))`, `any(1..3000, any(1..3000, # < 0))`, `reduce(1..100000, #acc + body.long, "")`,
		`let a = body.list; map(a, map(a, map(a, map(a, map(a, map(a, #))))))`, `reduce(1..10000, [#acc, #acc], body.x)`, `toJSON(reduce(1..40, [#acc, #acc], 1))`,
		`reduce(1..40, [#acc, #acc], 1) == reduce(1..40, [#acc, #acc], 1)`, `reduce(1..100000, {{a: #acc}}, 1)`, `reduce(1..1000, concat(#acc, #acc), body.list)`,
		`count(1..100000, body.long matches "^(a|aa|aaa)*b$")`, `count(1..400000, body.long contains "ab")`, `replace(body.long, "a", body.long)`,
		`split(repeat(body.x, 10000000), "")`, `join(map(1..1000, body.long), "")`, `uniq(map(1..100000, body.long + string(#)))`,
		`sort(map(1..2000, body.long))`, `reduce(1..100, #acc * #acc, body.n)`, `reduce(1..100, #acc ** 1000, 7 * body.one)`,
		`map(1..10000, lower(body.long))`, `flatten(reduce(1..30, [#acc, #acc], [1]))`, `groupBy(1..1000000, string(#))`,
		`count(1..900000, body.long2 == body.long)`, `map(1..200000, toJSON(body))`, `map(1..400000, fromJSON(body.json))`, `count(1..100000, body.long in body.longs)`,
		`padLeft(body.x, body.n)`, `map(1..10000, base64(body.long))`, `map(1..10000, replaceMatches(body.long, "a", "bb"))`, `map(1..10000, captures(body.long, "(a+)"))`,
		`reduce(1..1000, merge(#acc, {{a: #acc}}), body)`, `reduce(1..1000, set(#acc, "a", #acc), body)`, `map(1..1000000, sha256(body.long))`,
	}
	body := fmt.Sprintf(`{"x":"x","n":1000000000,"one":1,"list":[1,2,3,4,5,6,7,8,9,10],"long":%q,"long2":%q,"longs":[%[1]q],"json":"[1,2,3]"}`, long, long)
	fr := frameOf(t, body)
	for _, src := range cases {
		f, errs := Compile(src, openScope())
		if errs != nil {
			continue // found while folding constants: as good
		}
		start := time.Now()
		v, err := f.Eval(fr)
		took := time.Since(start)
		if took > 30*time.Second { // the machine may be busy
			t.Errorf("%s took %v", src, took)
		}
		r, ok := errors.AsType[*RunError](err)
		if !ok {
			t.Errorf("%s: no error, but %s", src, cut(v.Kind().String()))
			continue
		}
		if digits := strings.Contains(r.Message, "too many digits"); r.Reason != ReasonLimit && !digits {
			t.Errorf("%s: %v", src, err)
		} else if e := hub.AsError(err); !digits && (e.Reason != "expression_limit" || e.Class != hub.Invalid) {
			t.Errorf("%s: class %s %s", src, e.Class, e.Reason)
		}
	}
}

func TestLimitsAreConfigurable(t *testing.T) {
	fr := frameOf(t, order)
	f := must(t, `len(map(1..100, # * 2))`, openScope())
	for _, l := range []Limits{{Steps: 50}, {Memory: 1000}} {
		fr.Limits = l
		if _, err := f.Eval(fr); err == nil {
			t.Errorf("%+v: no error", l)
		}
	}
	fr.Limits = Limits{}
	for range 3 { // each Eval has a budget of its own
		if _, err := f.Eval(fr); err != nil {
			t.Error(err)
		}
	}
	fr.Limits = Limits{Steps: 1 << 40, Wall: 20 * time.Millisecond}
	start := time.Now()
	_, err := must(t, `any(1..300000, any(1..300000, # < 0))`, openScope()).Eval(fr)
	if took := time.Since(start); err == nil || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

func TestFunctions(t *testing.T) {
	inner := must(t, `map(body.items, .price)`, openScope())
	boom := hub.Fail(hub.Unavailable, "store", "the store is away")
	s := openScope().
		WithFunc("prices", Func{Result: shape.ArrayOf(shape.NumberType), Call: func(fr *Frame, _ []doc.Value) (doc.Value, error) { return inner.Eval(fr) }}).
		WithFunc("away", Func{Call: func(*Frame, []doc.Value) (doc.Value, error) { return doc.Value{}, boom }}).
		WithFunc("pair", Func{Params: []*shape.Type{shape.StringType, shape.NumberType}, Optional: 1, Pure: true, Result: shape.StringType,
			Call: func(_ *Frame, a []doc.Value) (doc.Value, error) {
				return doc.StringValue(a[0].Str() + a[1].Text()), nil
			}})
	fr := frameOf(t, order)
	for src, want := range map[string]string{
		`map(body.items, .sku + string(sum(prices())))`: `["A109.95","B109.95","C109.95"]`, `pair("a")`: `"a"`, `pair("a", 2)`: `"a2"`, `body.order_id | pair(1)`: `"W-11"`,
	} {
		v, err := must(t, src, s).Eval(fr)
		if got := string(v.JSON()); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", src, got, err, want)
		}
	}
	_, err := must(t, `1 + away()`, s).Eval(fr)
	if e := hub.AsError(err); e.Class != hub.Unavailable || e.Reason != "store" || err.Error() != "away: the store is away" {
		t.Errorf("%v: %s %s", err, e.Class, e.Reason)
	}
	_, err = must(t, `pair(body.total)`, s).Eval(fr)
	if err == nil || err.(*RunError).Message != "body.total is a number, not a string" {
		t.Error(err)
	}
}

func TestBadBody(t *testing.T) {
	for body, reason := range map[string]string{`{"a":`: doc.CodeBadJSON} {
		fr := frameOf(t, body)
		_, err := must(t, `body.a`, openScope()).Eval(fr)
		if e := hub.AsError(err); err == nil || e.Class != hub.Invalid || e.Reason != reason {
			t.Errorf("%q: %v", body, err)
		}
		if v, err := must(t, `headers.extras`, openScope()).Eval(fr); err != nil || v.Str() == "" {
			t.Errorf("a formula that does not read the body: %v", err)
		}
	}
	v, err := must(t, `body?.a ?? 1`, openScope()).Eval(NewFrame(nil))
	if err != nil || string(v.JSON()) != "1" {
		t.Error(v, err)
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	fr := frameOf(t, order)
	for _, src := range []string{predicate, `sum(body.items, .price * .quantity) == body.total`, `body.source in ["a", "web"]`, `count(body.items, .price > 1) == 3`} {
		f := must(t, src, openScope())
		if n := testing.AllocsPerRun(50, func() { f.Bool(fr) }); n > 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
	f := must(t, `body.user.id`, openScope())
	if n := testing.AllocsPerRun(50, func() { f.Eval(fr) }); n > 0 {
		t.Errorf("path: %v allocations", n)
	}
}
