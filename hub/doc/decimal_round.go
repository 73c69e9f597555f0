package doc

import (
	"math/big"
	"strconv"
)

// Round returns d with that many digits after the point, halves away from zero: 2.345 to two places is 2.35, and 5 is 5.00. Negative places
// round before the point: 123 to -1 places is 120.
func (d Decimal) Round(places int) Decimal {
	places = max(min(places, maxDigits), -2*maxDigits)
	scale := int32(max(places, 0))
	if int(d.scale) <= places {
		return d.rescale(scale)
	}
	drop := d.scale - int32(places)
	if drop <= 18 && places >= 0 && d.big == nil {
		p := int64(pow10[drop])
		q, r := d.coef/p, d.coef%p
		if abs64(r) >= uint64(p)-abs64(r) {
			q += int64(d.Sign())
		}
		return Decimal{coef: q, scale: scale}
	}
	p := bigPow10(drop)
	q, r := new(big.Int).QuoRem(d.coefficient(), p, new(big.Int))
	if r.Lsh(r.Abs(r), 1).Cmp(p) >= 0 {
		q.Add(q, big.NewInt(int64(d.Sign())))
	}
	return fromBig(q, int32(places))
}

// rescale adds zeros up to the scale.
func (d Decimal) rescale(scale int32) Decimal {
	if d.big == nil {
		if c, ok := shift64(d.coef, scale-d.scale); ok {
			return Decimal{coef: c, scale: scale}
		}
	}
	return fromBig(new(big.Int).Mul(d.coefficient(), bigPow10(scale-d.scale)), scale)
}

// whole returns d without its fraction, and whether there was one.
func (d Decimal) whole() (Decimal, bool) {
	if d.scale == 0 {
		return d, false
	}
	if d.big == nil {
		if d.scale > 18 {
			return Decimal{}, d.coef != 0
		}
		p := int64(pow10[d.scale])
		return Decimal{coef: d.coef / p}, d.coef%p != 0
	}
	q, r := new(big.Int).QuoRem(d.big, bigPow10(d.scale), new(big.Int))
	return fromBig(q, 0), r.Sign() != 0
}

// Floor returns the greatest whole number that is not above d.
func (d Decimal) Floor() Decimal {
	w, fraction := d.whole()
	if fraction && d.Sign() < 0 {
		return w.Sub(Int(1))
	}
	return w
}

// Ceil returns the least whole number that is not below d.
func (d Decimal) Ceil() Decimal {
	w, fraction := d.whole()
	if fraction && d.Sign() > 0 {
		return w.Add(Int(1))
	}
	return w
}

// Trunc returns d without its fraction.
func (d Decimal) Trunc() Decimal {
	w, _ := d.whole()
	return w
}

// IsInt reports whether d is a whole number; 1.0 is.
func (d Decimal) IsInt() bool {
	_, fraction := d.whole()
	return !fraction
}

// Int64 returns a whole number; false if d is none, or does not fit.
func (d Decimal) Int64() (int64, bool) {
	w, fraction := d.whole()
	switch {
	case fraction:
		return 0, false
	case w.big != nil:
		return w.big.Int64(), w.big.IsInt64()
	}
	return w.coef, true
}

// Float64 returns the nearest float, for those who cannot take a Decimal; infinite if d is beyond all floats.
func (d Decimal) Float64() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}
