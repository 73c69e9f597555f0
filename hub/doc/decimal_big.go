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
