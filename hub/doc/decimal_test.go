package doc_test

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"orderhub/hub/doc"
)

func dec(t interface{ Fatal(...any) }, s string) doc.Decimal {
	d, err := doc.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalArithmetic(t *testing.T) {
	div := func(a, b doc.Decimal) doc.Decimal { q, _ := a.Div(b); return q }
	mod := func(a, b doc.Decimal) doc.Decimal { q, _ := a.Mod(b); return q }
	round := func(a, b doc.Decimal) doc.Decimal { n, _ := b.Int64(); return a.Round(int(n)) }
	tests := []struct {
		name, a, b string
		do         func(a, b doc.Decimal) doc.Decimal
		want       string
	}{
		{"mul", "3", "5.20", doc.Decimal.Mul, "15.60"},
		{"mul", "-9223372036854775807", "2", doc.Decimal.Mul, "-18446744073709551614"},
		{"mul", "4294967296", "2147483648", doc.Decimal.Mul, "9223372036854775808"},
		{"mul", "0.10", "0.10", doc.Decimal.Mul, "0.0100"},
		{"add", "0.1", "0.2", doc.Decimal.Add, "0.3"},
		{"add", "1.50", "1", doc.Decimal.Add, "2.50"},
		{"add", "9223372036854775807", "1", doc.Decimal.Add, "9223372036854775808"},
		{"add", "-9223372036854775807", "-1", doc.Decimal.Add, "-9223372036854775808"},
		{"add", "9223372036854775808", "-1", doc.Decimal.Add, "9223372036854775807"},
		{"add", "9223372036854775807", "9223372036854775807", doc.Decimal.Add, "18446744073709551614"},
		{"add", "-92233720368547758.07", "-50000000000000000", doc.Decimal.Add, "-142233720368547758.07"},
		{"sub", "1", "0.01", doc.Decimal.Sub, "0.99"},
		{"sub", "-9223372036854775808", "-9223372036854775808", doc.Decimal.Sub, "0"},
		{"div", "10.00", "4", div, "2.50"},
		{"div", "10", "4", div, "2.5"},
		{"div", "6.00", "2", div, "3.00"},
		{"div", "1", "3", div, "0.3333333333333333333333333333333333"},
		{"div", "2", "3", div, "0.6666666666666666666666666666666667"},
		{"div", "-200", "3", div, "-66.66666666666666666666666666666667"},
		{"div", "1", "-8", div, "-0.125"},
		{"div", "0.00", "3", div, "0.00"},
		{"div", "1", "1024", div, "0.0009765625"},
		{"div", "1e40", "1", div, "1" + strings.Repeat("0", 40)},
		{"div", "1" + strings.Repeat("0", 33) + "5", "1", div, "1" + strings.Repeat("0", 34)}, // half to even
		{"div", "1" + strings.Repeat("0", 32) + "15", "1", div, "1" + strings.Repeat("0", 32) + "20"},
		{"mod", "7.5", "2", mod, "1.5"},
		{"mod", "-7", "3", mod, "-1"},
		{"mod", "1e30", "7", mod, "1"},
		{"round", "2.345", "2", round, "2.35"},
		{"round", "-2.345", "2", round, "-2.35"},
		{"round", "2.344999999999999999999999", "2", round, "2.34"},
		{"round", "12345678901234567890.125", "2", round, "12345678901234567890.13"},
		{"round", "-12345678901234567890.5", "0", round, "-12345678901234567891"},
		{"round", "12345678901234567890.1249", "2", round, "12345678901234567890.12"},
		{"round", "5", "2", round, "5.00"},
		{"round", "125", "-1", round, "130"},
		{"round", "-5", "-1", round, "-10"},
		{"round", "4", "-30", round, "0"},
		{"round", "0.5", "0", round, "1"},
		{"round", "9223372036854775807", "-1", round, "9223372036854775810"},
	}
	for _, tt := range tests {
		if got := tt.do(dec(t, tt.a), dec(t, tt.b)).String(); got != tt.want {
			t.Errorf("%s %s %s: got %s, want %s", tt.name, tt.a, tt.b, got, tt.want)
		}
	}
	if _, err := doc.Int(1).Div(dec(t, "0.00")); err != doc.ErrDivisionByZero {
		t.Errorf("got %v", err)
	}
	if _, err := doc.Int(1).Mod(doc.Int(0)); err != doc.ErrDivisionByZero {
		t.Errorf("got %v", err)
	}
}

func TestParseDecimal(t *testing.T) {
	for s, want := range map[string]string{"-0": "0", "-0.00": "0.00", "1.5e1": "15", "1.50e1": "15.0", "1e-3": "0.001", "1E+3": "1000",
		"9007199254740993": "9007199254740993", "0.000000000000000000001": "0.000000000000000000001", "-9223372036854775808": "-9223372036854775808",
		"0e400": "0", "-12.5e-1": "-1.25"} {
		if got := dec(t, s).String(); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	for _, s := range []string{"", "-", "+1", "1.", ".5", "01", "1e", "1e401", "1e-401", "NaN", "1 ", "1..2", "0x1", "--1", "-.1", "1_0", "٣",
		strings.Repeat("1", 1001)} {
		if d, err := doc.ParseDecimal(s); err == nil {
			t.Errorf("%q: accepted as %s", s, d)
		}
	}
}

// A formula that squares again and again ends within the bounds.
func TestDecimalIsBounded(t *testing.T) {
	for _, s := range []string{"1e400", "-1e400", "1e-400", "-1.5e399"} {
		d := dec(t, s)
		for range 40 {
			d = d.Mul(d).Mul(d)
		}
		if n := len(d.String()); n > 4003 {
			t.Errorf("%s: %d characters", s, n)
		}
	}
}

func TestDecimalWhole(t *testing.T) {
	tests := []struct{ in, floor, ceil string }{
		{"1.5", "1", "2"}, {"-1.5", "-2", "-1"}, {"-0.1", "-1", "0"}, {"2.00", "2", "2"}, {"1e-30", "0", "1"},
		{"123456789012345678901.5", "123456789012345678901", "123456789012345678902"},
	}
	for _, tt := range tests {
		d := dec(t, tt.in)
		if d.Floor().String() != tt.floor || d.Ceil().String() != tt.ceil {
			t.Errorf("%s: got %s and %s", tt.in, d.Floor(), d.Ceil())
		}
	}
	if i, ok := dec(t, "-9223372036854775808.0").Int64(); !ok || i != math.MinInt64 {
		t.Errorf("got %d, %v", i, ok)
	}
	if _, ok := dec(t, "9223372036854775808").Int64(); ok {
		t.Error("fits")
	}
	if !dec(t, "1.0").IsInt() || dec(t, "1.1").IsInt() {
		t.Error("IsInt")
	}
	if doc.Int(math.MinInt64).Neg().String() != "9223372036854775808" || doc.Int(math.MinInt64).Abs().Neg().Cmp(doc.Int(math.MinInt64)) != 0 {
		t.Error("Neg of the least int64")
	}
}

var numberGen = rapid.Custom(func(t *rapid.T) string {
	s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?`).Draw(t, "number")
	if rapid.IntRange(0, 4).Draw(t, "exp") == 0 {
		s += "e" + strconv.Itoa(rapid.IntRange(-40, 40).Draw(t, "exponent"))
	}
	return s
})

func rat(t *rapid.T, s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatal("no number", s)
	}
	return r
}

func TestDecimalAgreesWithRat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		as, bs := numberGen.Draw(t, "a"), numberGen.Draw(t, "b")
		a, b, x, y := dec(t, as), dec(t, bs), rat(t, as), rat(t, bs)
		same := func(op string, d doc.Decimal, want *big.Rat) {
			if rat(t, d.String()).Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, want %s", as, op, bs, d, want.FloatString(60))
			}
		}
		same("is", a, x)
		same("add", a.Add(b), new(big.Rat).Add(x, y))
		same("sub", a.Sub(b), new(big.Rat).Sub(x, y))
		same("mul", a.Mul(b), new(big.Rat).Mul(x, y))
		same("neg", a.Neg(), new(big.Rat).Neg(x))
		same("normal", a.Normal(), x)
		if got, want := a.Cmp(b), x.Cmp(y); got != want {
			t.Fatalf("%s cmp %s = %d, want %d", as, bs, got, want)
		}
		if f, _ := x.Float64(); a.Float64() != f {
			t.Fatalf("%s as a float is %v, want %v", as, a.Float64(), f)
		}
		places := rapid.IntRange(-5, 30).Draw(t, "places")
		same("round", a.Round(places), roundRat(x, places))
		checkDiv(t, a, b, x, y)
	})
}

// roundRat rounds half away from zero.
func roundRat(x *big.Rat, places int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
	if places < 0 {
		p.Inv(p)
	}
	y := new(big.Rat).Abs(new(big.Rat).Mul(x, p))
	y.Add(y, big.NewRat(1, 2))
	y.SetInt(new(big.Int).Quo(y.Num(), y.Denom()))
	if x.Sign() < 0 {
		y.Neg(y)
	}
	return y.Quo(y, p)
}

// checkDiv checks that a quotient has 34 significant digits at most, and is within half a unit of the 34th.
func checkDiv(t *rapid.T, a, b doc.Decimal, x, y *big.Rat) {
	q, err := a.Div(b)
	if y.Sign() == 0 {
		if err == nil {
			t.Fatal("division by zero")
		}
		return
	}
	exact := new(big.Rat).Quo(x, y)
	significant := strings.Trim(strings.Replace(q.Abs().Normal().String(), ".", "", 1), "0")
	if err != nil || len(significant) > 34 {
		t.Fatalf("%s / %s = %s, %v", a, b, q, err)
	}
	diff := new(big.Rat).Sub(rat(t, q.String()), exact)
	bound := new(big.Rat).Abs(exact)
	bound.Mul(bound, new(big.Rat).SetFrac(big.NewInt(5), new(big.Int).Exp(big.NewInt(10), big.NewInt(34), nil)))
	if diff.Abs(diff).Cmp(bound) > 0 {
		t.Fatalf("%s / %s = %s is off", a, b, q)
	}
	m, _ := a.Mod(b)
	whole := new(big.Rat).SetInt(new(big.Int).Quo(exact.Num(), exact.Denom()))
	if rat(t, m.String()).Cmp(new(big.Rat).Sub(x, whole.Mul(whole, y))) != 0 {
		t.Fatalf("%s mod %s = %s", a, b, m)
	}
}
