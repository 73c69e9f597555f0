package doc

// literal scans true, false or null.
func (p *parser) literal(i int, want string, key keySpan, kind Kind) (int, *SyntaxError) {
	end := i + len(want)
	if end > len(p.src) || string(p.src[i:end]) != want {
		return 0, p.unexpected(i, "a value")
	}
	p.leaf(i, end, key, uint32(kind))
	return end, nil
}

// number scans a number. One that no Decimal can hold is refused here, so that Num never fails.
func (p *parser) number(i int, key keySpan) (int, *SyntaxError) {
	end, simple, want := scanNumber(p.src, i)
	if want != "" {
		return 0, p.unexpected(end, want)
	}
	if !simple {
		if _, err := ParseDecimal(viewOf(p.src[i:end])); err != nil {
			return 0, p.refuse(i, CodeBadJSON, err.Error())
		}
	}
	p.leaf(i, end, key, uint32(Number))
	return end, nil
}

// scanNumber finds the end of the number at i. simple means no exponent and few digits. want is empty, or what was expected at end instead.
func scanNumber(b []byte, i int) (end int, simple bool, want string) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	i = digits(b, i)
	switch {
	case i == from:
		return i, false, "a digit"
	case b[from] == '0' && i > from+1:
		return from + 1, false, "no digit after a leading zero"
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = digits(b, from); i == from {
			return i, false, "a digit after the point"
		}
	}
	if i == len(b) || b[i]|0x20 != 'e' {
		return i, i-start <= 500, ""
	}
	i++
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	from = i
	if i = digits(b, from); i == from {
		return i, false, "a digit in the exponent"
	}
	return i, false, ""
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
