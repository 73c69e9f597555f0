package doc

import (
	"math"
	"math/big"
)

// maxDigits bounds the digits before the point, and those after it.
const maxDigits = 2000

var bigTen = big.NewInt(10)

// bigPow10 returns 10^k.
func bigPow10(k int32) *big.Int {
	if k < int32(len(pow10)) {
		return new(big.Int).SetUint64(pow10[k])
	}
	return new(big.Int).Exp(bigTen, big.NewInt(int64(k)), nil)
}

// coefficient returns the coefficient as a big.Int, not to be changed.
func (d Decimal) coefficient() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.coef)
}

// fromBig returns x * 10^-scale, within the bounds. It takes ownership of x.
func fromBig(x *big.Int, scale int32) Decimal {
	if scale < 0 {
		x.Mul(x, bigPow10(-scale))
		scale = 0
	}
	if scale > maxDigits {
		x = quoHalfEven(x, bigPow10(scale-maxDigits), false)
		scale = maxDigits
	}
	if x.IsInt64() && x.Int64() != math.MinInt64 {
		return Decimal{coef: x.Int64(), scale: scale}
	}
	if x.BitLen() > 6640 { // 10^1999 has 6641 bits
		return clamp(x, scale)
	}
	return Decimal{big: x, scale: scale}
}

// clamp bounds the whole part to maxDigits digits.
func clamp(x *big.Int, scale int32) Decimal {
	limit := bigPow10(maxDigits + scale)
	limit.Sub(limit, big.NewInt(1))
	if x.CmpAbs(limit) <= 0 {
		return Decimal{big: x, scale: scale}
	}
	if x.Sign() < 0 {
		limit.Neg(limit)
	}
	return Decimal{big: limit, scale: scale}
}

// quoHalfEven returns x/y rounded to the nearest, halves to even. sticky says that x is a little greater (in size) than it seems. y is
// positive.
func quoHalfEven(x, y *big.Int, sticky bool) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	half := r.Abs(r).Lsh(r, 1).Cmp(y)
	if half > 0 || half == 0 && (sticky || q.Bit(0) == 1) {
		q.Add(q, big.NewInt(int64(x.Sign())))
	}
	return q
}

// bigAligned returns both coefficients at the greater scale, not to be changed.
func bigAligned(a, b Decimal) (x, y *big.Int, scale int32) {
	x, y, scale = a.coefficient(), b.coefficient(), max(a.scale, b.scale)
	if a.scale < scale {
		x = new(big.Int).Mul(x, bigPow10(scale-a.scale))
	}
	if b.scale < scale {
		y = new(big.Int).Mul(y, bigPow10(scale-b.scale))
	}
	return x, y, scale
}

// digitCount returns the decimal digits of x, at least 1.
func digitCount(x *big.Int) int {
	n := int(float64(x.BitLen()) * math.Log10(2)) // one short at most
	if x.CmpAbs(bigPow10(int32(n))) >= 0 {
		n++
	}
	return max(n, 1)
}

// divDigits is the precision of a division that does not end, as in IEEE decimal128.
const divDigits = 34

// Div returns d / e: exact if it ends within 34 significant digits, else rounded to 34, halves to even. An exact result keeps the scale of
// money: 10.00 / 4 is 2.50. It fails with ErrDivisionByZero.
func (d Decimal) Div(e Decimal) (Decimal, error) {
	if e.Sign() == 0 {
		return Decimal{}, ErrDivisionByZero
	}
	ideal := max(d.scale-e.scale, 0)
	if d.Sign() == 0 {
		return Decimal{scale: ideal}, nil
	}
	if q, ok := div64(d, e, ideal); ok {
		return q, nil
	}
	return divBig(d, e, ideal), nil
}

// div64 divides if the result and all steps are small.
func div64(d, e Decimal, ideal int32) (Decimal, bool) {
	if d.big != nil || e.big != nil {
		return Decimal{}, false
	}
	x, ok := shift64(d.coef, ideal-(d.scale-e.scale))
	for scale := ideal; ok; scale++ {
		if x%e.coef == 0 {
			return Decimal{coef: x / e.coef, scale: scale}, true
		}
		x, ok = mul64(x, 10)
	}
	return Decimal{}, false
}

func divBig(d, e Decimal, ideal int32) Decimal {
	x, y := d.coefficient(), new(big.Int).Abs(e.coefficient())
	if e.Sign() < 0 {
		x = new(big.Int).Neg(x)
	}
	// The quotient of x and y has as many digits as this, or one less.
	whole := digitCount(x) - digitCount(y) + 1
	shift := int32(divDigits - whole)
	q, exact := quoShifted(x, y, shift)
	if digitCount(q) < divDigits { // one less
		shift++
		q, exact = quoShifted(x, y, shift)
	}
	scale := d.scale - e.scale + shift
	if exact {
		q, scale = trimZeros(q, scale, ideal)
	}
	return fromBig(q, scale)
}

// quoShifted returns x * 10^shift / y rounded half-even, and whether that is exact. y is positive.
func quoShifted(x, y *big.Int, shift int32) (*big.Int, bool) {
	if shift >= 0 {
		x = new(big.Int).Mul(x, bigPow10(shift))
	} else {
		y = new(big.Int).Mul(y, bigPow10(-shift))
	}
	q := quoHalfEven(x, y, false)
	return q, new(big.Int).Mul(q, y).Cmp(x) == 0
}

// trimZeros drops zeros at the end while the scale is above ideal.
func trimZeros(q *big.Int, scale, ideal int32) (*big.Int, int32) {
	r := new(big.Int)
	for scale > ideal {
		t, _ := new(big.Int).QuoRem(q, bigTen, r)
		if r.Sign() != 0 {
			break
		}
		q, scale = t, scale-1
	}
	return q, scale
}
