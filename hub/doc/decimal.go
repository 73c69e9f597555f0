package doc

import (
	"cmp"
	"errors"
	"math"
	"math/big"
)

// Decimal is an exact decimal number: coefficient * 10^-scale. The coefficient is an int64, or a *big.Int where that is too small; it is
// never a float. The scale is never negative, and is kept: 1.50 prints as 1.50. The zero Decimal is 0.
//
// Decimals are immutable. Compare them with Cmp, never with ==: 1.0 and 1 are the same number.
//
// No result has more than 2,000 digits before or after the point: a longer fraction is rounded, a greater number is clamped, so that no
// formula can eat the machine. No money amount comes near.
type Decimal struct {
	_     [0]func() // forbids ==
	big   *big.Int  // nil, or a coefficient that does not fit; never changed
	coef  int64     // never math.MinInt64
	scale int32
}

// Int returns a whole number.
func Int(i int64) Decimal {
	if i == math.MinInt64 {
		return Decimal{big: big.NewInt(i)}
	}
	return Decimal{coef: i}
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.big != nil:
		return d.big.Sign()
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

// Scale returns the number of digits after the point.
func (d Decimal) Scale() int { return int(d.scale) }

// Small reports whether the coefficient fits in 64 bits: whatever its scale, d is below 10^19.
func (d Decimal) Small() bool { return d.big == nil }

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.big != nil {
		return fromBig(new(big.Int).Neg(d.big), d.scale)
	}
	return Decimal{coef: -d.coef, scale: d.scale}
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// pow10 holds the powers of ten that fit in 64 bits.
var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

func abs64(i int64) uint64 {
	if i < 0 {
		return uint64(-i)
	}
	return uint64(i)
}

// mul64 multiplies, and reports whether the product is a small coefficient.
func mul64(a, b int64) (int64, bool) {
	p := a * b
	if int64(int32(a)) == a && int64(int32(b)) == b {
		return p, true
	}
	if b == 0 {
		return 0, true
	}
	return p, p/b == a && p != math.MinInt64
}

// shift64 multiplies by 10^k, and reports whether the product is a small coefficient.
func shift64(a int64, k int32) (int64, bool) {
	if k > 18 {
		return 0, a == 0
	}
	return mul64(a, int64(pow10[k]))
}

// ErrDivisionByZero is what Div and Mod return for a zero divisor.
var ErrDivisionByZero = errors.New("division by zero")

// aligned returns both coefficients at the greater scale; false if that does not fit.
func aligned(a, b Decimal) (x, y int64, scale int32, ok bool) {
	if a.big != nil || b.big != nil {
		return 0, 0, 0, false
	}
	switch {
	case a.scale == b.scale:
		return a.coef, b.coef, a.scale, true
	case a.scale < b.scale:
		x, ok = shift64(a.coef, b.scale-a.scale)
		return x, b.coef, b.scale, ok
	}
	y, ok = shift64(b.coef, a.scale-b.scale)
	return a.coef, y, a.scale, ok
}

// Add returns d + e, at the greater scale.
func (d Decimal) Add(e Decimal) Decimal {
	if x, y, scale, ok := aligned(d, e); ok {
		if sum := x + y; (sum > x) == (y > 0) && sum != -sum || sum == 0 {
			return Decimal{coef: sum, scale: scale}
		}
	}
	x, y, scale := bigAligned(d, e)
	return fromBig(new(big.Int).Add(x, y), scale)
}

// Sub returns d - e, at the greater scale.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Mul returns d * e; the scales add up: 3 * 5.20 is 15.60, and 0.10 * 0.10 is 0.0100.
func (d Decimal) Mul(e Decimal) Decimal {
	if d.big == nil && e.big == nil && d.scale+e.scale <= maxDigits {
		if p, ok := mul64(d.coef, e.coef); ok {
			return Decimal{coef: p, scale: d.scale + e.scale}
		}
	}
	return fromBig(new(big.Int).Mul(d.coefficient(), e.coefficient()), d.scale+e.scale)
}

// Mod returns the remainder of the division with a whole quotient; it has the sign of d, and the greater scale.
func (d Decimal) Mod(e Decimal) (Decimal, error) {
	if e.Sign() == 0 {
		return Decimal{}, ErrDivisionByZero
	}
	if x, y, scale, ok := aligned(d, e); ok {
		return Decimal{coef: x % y, scale: scale}, nil
	}
	x, y, scale := bigAligned(d, e)
	return fromBig(new(big.Int).Rem(x, y), scale), nil
}

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e. The scale does not matter.
func (d Decimal) Cmp(e Decimal) int {
	if x, y, _, ok := aligned(d, e); ok {
		return cmp.Compare(x, y)
	}
	x, y, _ := bigAligned(d, e)
	return x.Cmp(y)
}
