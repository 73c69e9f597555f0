package doc

import "math/big"

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
