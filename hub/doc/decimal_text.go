package doc

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

const (
	maxNumberDigits = 1000
	maxExponent     = 400
)

// ParseDecimal reads a number as JSON writes it, exponent included. It refuses more than 1,000 digits, and exponents beyond 400.
func ParseDecimal(s string) (Decimal, error) {
	if d, ok := parseShort(s); ok {
		return d, nil
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	end, _, want := scanNumber(b, 0)
	switch {
	case want != "":
		return Decimal{}, fmt.Errorf("number %s: expected %s, found %s", quoted(s), want, found(b, end))
	case end != len(s):
		return Decimal{}, fmt.Errorf("number %s: found %s after it", quoted(s), found(b, end))
	}
	return parseLong(s)
}

// parseShort reads a number of 18 digits at most, without an exponent. False means: not that short, or no number.
func parseShort(s string) (Decimal, bool) {
	i := 0
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		i = 1
	}
	if i >= len(s) || len(s)-i > 19 || s[i] == '0' && i+1 < len(s) && s[i+1] != '.' || s[i] == '.' {
		return Decimal{}, false
	}
	var coef int64
	point := -1
	for j := i; j < len(s); j++ {
		c := s[j] - '0'
		if c <= 9 {
			coef = coef*10 + int64(c)
			continue
		}
		if s[j] != '.' || point >= 0 || j == len(s)-1 {
			return Decimal{}, false
		}
		point = j
	}
	if point < 0 && len(s)-i > 18 {
		return Decimal{}, false
	}
	d := Decimal{coef: coef}
	if negative {
		d.coef = -coef
	}
	if point >= 0 {
		d.scale = int32(len(s) - 1 - point)
	}
	return d, true
}

// parseLong reads a number that is known to be well-formed.
func parseLong(s string) (Decimal, error) {
	number, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n > maxExponent || n < -maxExponent {
			return Decimal{}, fmt.Errorf("number %s: the exponent is beyond %d", quoted(s), maxExponent)
		}
		number, exponent = s[:i], n
	}
	whole, fraction, _ := strings.Cut(number, ".")
	coef := whole + fraction
	if len(strings.TrimPrefix(coef, "-")) > maxNumberDigits {
		return Decimal{}, fmt.Errorf("number %s: more than %d digits", quoted(s), maxNumberDigits)
	}
	x, _ := new(big.Int).SetString(coef, 10)
	return fromBig(x, int32(len(fraction)-exponent)), nil
}

// String writes the number with all its digits and no exponent.
func (d Decimal) String() string {
	var buf [40]byte
	return string(d.Append(buf[:0]))
}

// Append appends what String returns; it is a JSON number.
func (d Decimal) Append(dst []byte) []byte {
	from := len(dst)
	if d.big != nil {
		dst = d.big.Append(dst, 10)
	} else {
		dst = strconv.AppendInt(dst, d.coef, 10)
	}
	if d.scale == 0 {
		return dst
	}
	if dst[from] == '-' {
		from++
	}
	scale := int(d.scale)
	if short := scale + 1 - (len(dst) - from); short > 0 { // 5 at scale 2 is 005, then 0.05
		dst = slices.Grow(dst, short)[:len(dst)+short]
		copy(dst[from+short:], dst[from:])
		for i := range short {
			dst[from+i] = '0'
		}
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - scale
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}

// Normal returns the same number without zeros at the end of its fraction. Equal numbers have the same Normal text.
func (d Decimal) Normal() Decimal {
	if d.big == nil {
		for d.scale > 0 && d.coef%10 == 0 {
			d.coef /= 10
			d.scale--
		}
		return d
	}
	q, scale := trimZeros(d.big, d.scale, 0)
	return fromBig(new(big.Int).Set(q), scale)
}

// MarshalJSON writes the number with all its digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.Append(nil), nil }
