package doc

import (
	"errors"
	"math/big"
	"math/bits"
)

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
	if ds, es := d.Sign(), e.Sign(); ds != es {
		return sign(ds > es)
	} else if ds == 0 {
		return 0
	}
	if d.big != nil || e.big != nil {
		x, y, _ := bigAligned(d, e)
		return x.Cmp(y)
	}
	c := cmpAbs(abs64(d.coef), d.scale, abs64(e.coef), e.scale)
	if d.coef < 0 {
		return -c
	}
	return c
}

func sign(greater bool) int {
	if greater {
		return 1
	}
	return -1
}

// cmpAbs compares two numbers above zero, in 128 bits.
func cmpAbs(a uint64, aScale int32, b uint64, bScale int32) int {
	if aScale > bScale {
		return -cmpAbs(b, bScale, a, aScale)
	}
	shift := bScale - aScale
	if shift >= int32(len(pow10)) {
		return 1 // a * 10^20 is above every b
	}
	hi, lo := bits.Mul64(a, pow10[shift])
	switch {
	case hi > 0 || lo > b:
		return 1
	case lo < b:
		return -1
	}
	return 0
}
