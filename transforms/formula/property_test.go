package formula

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"pgregory.net/rapid"
)

// sum is an expression with its exact value.
type exact struct {
	src string
	val *big.Rat
}

func drawExact(t *rapid.T, depth int) exact {
	if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
		digits := rapid.StringMatching(`(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?`).Draw(t, "number")
		v, _ := new(big.Rat).SetString(digits)
		return exact{digits, v}
	}
	a, b := drawExact(t, depth-1), drawExact(t, depth-1)
	v := new(big.Rat)
	switch op := rapid.SampledFrom([]string{"+", "-", "*", "neg", "**"}).Draw(t, "op"); op {
	case "neg":
		return exact{"-(" + a.src + ")", v.Neg(a.val)}
	case "**":
		return exact{"(" + a.src + ") ** 2", v.Mul(a.val, a.val)}
	case "+":
		return exact{"(" + a.src + " + " + b.src + ")", v.Add(a.val, b.val)}
	case "-":
		return exact{"(" + a.src + " - " + b.src + ")", v.Sub(a.val, b.val)}
	default:
		return exact{"(" + a.src + " * " + b.src + ")", v.Mul(a.val, b.val)}
	}
}

// Arithmetic is that of rational numbers: as constants, and with a number that comes from the message.
func TestArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, f := drawExact(t, 3), drawExact(t, 2)
		want := new(big.Rat).Add(e.val, f.val)
		body := rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,6})?`).Draw(t, "body")
		x, _ := new(big.Rat).SetString(body)
		want.Mul(want, x)
		src := "(" + e.src + " + " + f.src + ") * body.x"
		v, err := mustRapid(t, src).Eval(frameRapid(`{"x":` + body + `}`))
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		got, _ := new(big.Rat).SetString(v.Num().String())
		if got.Cmp(want) != 0 {
			t.Fatalf("%s with %s = %s, want %s", src, body, v.Num(), want.RatString())
		}
	})
}

func mustRapid(t *rapid.T, src string) *Formula {
	f, errs := Compile(src, openScope())
	if errs != nil {
		t.Fatalf("%s: %v", src, errs)
	}
	return f
}

func frameRapid(body string) *Frame { return frameOf(quiet{}, body) }

// quiet is a testing.TB for helpers that are used inside rapid.
type quiet struct{ testing.TB }

func (quiet) Helper()           {}
func (quiet) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// gen draws expressions of one type that mean the same in expr: whole numbers, strings, bools and lists of numbers.
type gen struct{ t *rapid.T }

func (g gen) pick(options ...func(d int) string) func(int) string {
	return options[rapid.IntRange(0, len(options)-1).Draw(g.t, "case")]
}

func (g gen) num(d int) string {
	leaf := func(int) string {
		return rapid.SampledFrom([]string{"0", "1", "7", "body.n", "body.m", strconv.Itoa(rapid.IntRange(-50, 50).Draw(g.t, "n"))}).Draw(g.t, "leaf")
	}
	if d <= 0 {
		return "(" + leaf(0) + ")"
	}
	d--
	return g.pick(leaf,
		func(d int) string {
			return "(" + g.num(d) + rapid.SampledFrom([]string{" + ", " - ", " * "}).Draw(g.t, "op") + g.num(d) + ")"
		},
		func(d int) string { return "(" + g.num(d) + " % 7)" },
		func(d int) string { return "(" + g.bool(d) + " ? " + g.num(d) + " : " + g.num(d) + ")" },
		func(d int) string { return "len(" + g.str(d) + ")" }, func(d int) string { return "len(" + g.list(d) + ")" },
		func(d int) string { return "sum(" + g.list(d) + ")" }, func(d int) string { return "abs(" + g.num(d) + ")" },
		func(d int) string { return "count(" + g.list(d) + ", # > " + g.num(d) + ")" },
		func(d int) string { return "max(" + g.num(d) + ", " + g.num(d) + ")" },
		func(d int) string { return "(findIndex(" + g.list(d) + ", # == " + g.num(d) + ") ?? -1)" },
		func(d int) string { return "reduce(" + g.list(d) + ", #acc + # * #index, " + g.num(d) + ")" },
		func(d int) string { return "indexOf(" + g.str(d) + ", " + g.str(d) + ")" },
		func(d int) string {
			return "(let v" + fmt.Sprint(d) + " = " + g.num(d) + "; v" + fmt.Sprint(d) + " + 1)"
		},
	)(d)
}

func (g gen) str(d int) string {
	leaf := func(int) string {
		return rapid.SampledFrom([]string{`""`, `"a"`, `"Ab"`, "body.s", `" x "`}).Draw(g.t, "leaf")
	}
	if d <= 0 {
		return leaf(0)
	}
	d--
	return g.pick(leaf, func(d int) string { return "(" + g.str(d) + " + " + g.str(d) + ")" },
		func(d int) string { return "upper(" + g.str(d) + ")" }, func(d int) string { return "trim(" + g.str(d) + ")" },
		func(d int) string { return "string(" + g.num(d) + ")" }, func(d int) string { return "repeat(" + g.str(d) + ", 2)" },
		func(d int) string { return "replace(" + g.str(d) + `, "a", "bb")` },
		func(d int) string { return "(" + g.bool(d) + " ? " + g.str(d) + " : " + g.str(d) + ")" },
		func(d int) string { return `join(split(` + g.str(d) + `, "b"), "-")` },
		func(d int) string { return `(` + g.str(d) + ` | lower() | trimPrefix("a"))` },
	)(d)
}

func (g gen) bool(d int) string {
	if d <= 0 {
		return rapid.SampledFrom([]string{"true", "false", "body.b"}).Draw(g.t, "leaf")
	}
	d--
	return g.pick(func(d int) string {
		return "(" + g.num(d) + rapid.SampledFrom([]string{" < ", " <= ", " == ", " != ", " > ", " >= "}).Draw(g.t, "op") + g.num(d) + ")"
	},
		func(d int) string {
			return "(" + g.str(d) + rapid.SampledFrom([]string{" < ", " == ", " contains ", " startsWith ", " not endsWith "}).Draw(g.t, "op") + g.str(d) + ")"
		},
		func(d int) string {
			return "(" + g.bool(d) + rapid.SampledFrom([]string{" and ", " || "}).Draw(g.t, "op") + g.bool(d) + ")"
		},
		func(d int) string { return "not " + g.bool(d) },
		func(d int) string { return "(" + g.num(d) + " in " + g.list(d) + ")" },
		func(d int) string { return "any(" + g.list(d) + ", # > " + g.num(d) + ")" },
		func(d int) string { return "all(" + g.list(d) + ", { # != " + g.num(d) + " })" },
		func(d int) string { return "one(" + g.list(d) + ", # == " + g.num(d) + ")" },
	)(d)
}

func (g gen) list(d int) string {
	if d <= 0 {
		return rapid.SampledFrom([]string{"[1, 2, 3]", "body.l", "(2..5)"}).Draw(g.t, "leaf")
	}
	d--
	return g.pick(func(d int) string { return "[" + g.num(d) + ", " + g.num(d) + "]" },
		func(d int) string { return "map(" + g.list(d) + ", # + " + g.num(d) + ")" },
		func(d int) string { return "filter(" + g.list(d) + ", # > #index)" },
		func(d int) string { return "sort(" + g.list(d) + ")" }, func(d int) string { return "reverse(" + g.list(d) + ")" },
		func(d int) string { return "concat(" + g.list(d) + ", " + g.list(d) + ")" },
		func(d int) string { return g.list(0) + "[1:]" }, func(d int) string { return "sortBy(" + g.list(d) + ", -#)" },
		func(d int) string { return "uniq(" + g.list(d) + ")" },
	)(d)
}

// What expr's own machine says of whole numbers, strings and bools is what we say.
func TestSameAsExpr(t *testing.T) {
	env := map[string]any{"body": map[string]any{"n": 12, "m": -3, "s": "a-B", "b": true, "l": []any{3, 1, 2}}}
	const body = `{"n":12,"m":-3,"s":"a-B","b":true,"l":[3,1,2]}`
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		g := gen{t}
		src := g.pick(g.num, g.str, g.bool, g.list)(3)
		theirs, err := expr.Eval(src, env)
		if err != nil {
			t.Skip("expr says", err)
		}
		want, _ := json.Marshal(theirs)
		f, errs := Compile(src, openScope())
		if len(errs) > 0 && strings.Contains(errs[0].Message, " is never ") {
			t.Skip("we see that it is always false")
		}
		if errs != nil {
			t.Fatalf("%s: %v", src, errs)
		}
		v, err := f.Eval(frameRapid(body))
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got := string(v.JSON()); got != strings.ReplaceAll(string(want), "null", "[]") && got != string(want) {
			t.Fatalf("%s = %s, expr says %s", src, got, want)
		}
		compared++
	})
	if !t.Failed() && compared < 50 {
		t.Errorf("only %d formulas were compared", compared)
	}
}
