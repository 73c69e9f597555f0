package fixed

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

// read appends the document of a line to b.
func (l *layout) read(b *doc.Builder, raw []byte) error {
	c := cells{raw: raw, ascii: isASCII(raw)}
	if at := doc.NotUTF8(raw); at >= 0 {
		return doc.Refuse(raw, at, doc.CodeBadUTF8, "the line is not UTF-8; write charset: at the format")
	}
	r, kind := l.types[""], ""
	if r == nil {
		kind = string(c.cut(l.prefix.At, l.prefix.Width))
		if r = l.types[kind]; r == nil {
			return bad(l.prefix.At, "no type of record begins with %q", kind)
		}
	}
	if n := c.len(); n > r.width && len(bytes.TrimSpace(c.cut(r.width+1, n-r.width))) > 0 {
		return bad(r.width+1, "the line has %d characters, and its record %d", n, r.width)
	}
	b.BeginObject()
	if kind != "" {
		b.KeyName(recordName)
		b.Str(kind)
	}
	for i := range r.columns {
		col := &r.columns[i]
		if detail := col.read(b, doc.View(c.cut(col.At, col.Width))); detail != "" {
			return bad(col.At, "%s: %s", col.Name, detail)
		}
	}
	b.EndObject()
	return nil
}

// bad is what is wrong with a line, at a column from 1 in characters.
func bad(col int, format string, args ...any) *doc.SyntaxError {
	return &doc.SyntaxError{Code: "bad_fixed", Line: 1, Col: col, Detail: fmt.Sprintf(format, args...)}
}

// read appends the field of a column to b: none for a number or a date of nothing but padding. The cell is not kept.
func (c *column) read(b *doc.Builder, cell string) (detail string) {
	text := strings.Trim(cell, " ")
	switch {
	case c.Type == "text" || c.Type == "":
		b.KeyName(c.key)
		b.Str(c.trimmed(cell))
	case text == "" || c.Type == "date" && strings.Trim(text, "0"+c.Pad) == "":
	case c.Type == "date":
		t, err := time.Parse(c.Layout, text)
		if err != nil {
			return fmt.Sprintf("%q is no date as %s", text, c.Layout)
		}
		b.KeyName(c.key)
		b.Str(t.Format(isoDate))
	default:
		d, ok := c.number(text)
		if !ok {
			return fmt.Sprintf("%q is no number", text)
		}
		b.KeyName(c.key)
		b.Num(d)
	}
	return ""
}

// trimmed is a text without the padding on its padded side.
func (c *column) trimmed(cell string) string {
	if c.Align == "right" {
		for strings.HasPrefix(cell, c.Pad) {
			cell = cell[len(c.Pad):]
		}
		return cell
	}
	for strings.HasSuffix(cell, c.Pad) {
		cell = cell[:len(cell)-len(c.Pad)]
	}
	return cell
}

// number reads digits, with a sign before or behind them as mainframes write it, and the implied decimals.
func (c *column) number(digits string) (doc.Decimal, bool) {
	sign := byte(0)
	switch first, last := digits[0], digits[len(digits)-1]; {
	case last == '-' || last == '+':
		sign, digits = last, digits[:len(digits)-1]
	case first == '-' || first == '+':
		sign, digits = first, digits[1:]
	}
	digits = strings.Trim(digits, " ")
	if c.Pad != "0" && c.Pad != " " {
		digits = strings.TrimLeft(digits, c.Pad)
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	d, err := doc.ParseDecimal(digits)
	if err != nil || strings.ContainsAny(digits, "eE+-") {
		return d, false
	}
	if c.Decimals > 0 && !strings.Contains(digits, ".") {
		d = d.Mul(c.unit)
	}
	if sign == '-' {
		d = d.Neg()
	}
	return d, true
}

// cells cuts a line by characters.
type cells struct {
	raw   []byte
	ascii bool
}

func isASCII(raw []byte) bool {
	for _, c := range raw {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (c cells) len() int {
	if c.ascii {
		return len(c.raw)
	}
	return utf8.RuneCount(c.raw)
}

// cut is width characters from the one at, from 1; less where the line ends.
func (c cells) cut(at, width int) []byte {
	from := offset(c.raw, at-1, c.ascii)
	return c.raw[from : from+offset(c.raw[from:], width, c.ascii)]
}

// offset is where character n of a text begins, from 0.
func offset(text []byte, n int, ascii bool) int {
	if ascii {
		return min(n, len(text))
	}
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

func (l *layout) encode(v doc.Value) ([]byte, error) {
	var out []byte
	for i, row := range lines.Rows(v) {
		line, err := l.line(row)
		if err != nil {
			return nil, hub.Fail(hub.Invalid, "no_fixed", "record %d: %w", i+1, err)
		}
		out = append(append(out, line...), l.end...)
	}
	return out, nil
}

// line writes one record.
func (l *layout) line(v doc.Value) (string, error) {
	if v.Kind() != doc.Object {
		return "", fmt.Errorf("a record is written from an object, and this is %s", v.Kind())
	}
	r, kind := l.types[""], ""
	if r == nil {
		kind = v.Get("record").Str()
		if r = l.types[kind]; r == nil {
			return "", fmt.Errorf("no type of record is named %q; write it in the field `record`", kind)
		}
	}
	cells := []rune(strings.Repeat(" ", r.width))
	copy(cells[max(0, min(len(cells), l.prefix.At-1)):], []rune(kind))
	for i := range r.columns {
		c := &r.columns[i]
		text, err := c.text(v.Get(c.Name))
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.Name, err)
		}
		copy(cells[c.At-1:c.At-1+c.Width], []rune(text))
	}
	return string(cells), nil
}

// text is a value as its column has it, as wide as the column.
func (c *column) text(v doc.Value) (string, error) {
	empty := v.Kind() == doc.Missing || v.IsNull()
	text := v.Text()
	switch {
	case v.Kind() == doc.Object || v.Kind() == doc.Array:
		return "", fmt.Errorf("%s has no place in a column", v.Kind())
	case empty && c.Type != "text":
		return strings.Repeat(" ", c.Width), nil
	case empty:
		text = ""
	case c.Type == "date":
		t, err := time.Parse(isoDate, text)
		if err != nil {
			return "", fmt.Errorf("%q is no date such as 2026-03-01", text)
		}
		text = t.Format(c.Layout)
	case c.Type == "number":
		return c.numeral(v)
	}
	if strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("a line break has no place in a column")
	}
	return c.fill("", text)
}

// numeral writes a number without its point, where it has implied decimals.
func (c *column) numeral(v doc.Value) (string, error) {
	d, err := doc.ParseDecimal(strings.TrimSpace(v.Text()))
	if err != nil {
		return "", fmt.Errorf("%q is no number", v.Text())
	}
	sign := ""
	if d.Sign() < 0 {
		sign, d = "-", d.Neg()
	}
	round := d.Round(c.Decimals)
	if c.Decimals > 0 && round.Cmp(d) != 0 {
		return "", fmt.Errorf("%s has more than %d decimals; round it", v.Text(), c.Decimals)
	}
	if c.Decimals == 0 {
		return c.fill(sign, d.Normal().String())
	}
	whole, part, _ := strings.Cut(round.String(), ".")
	for len(part) < c.Decimals {
		part += "0"
	}
	return c.fill(sign, strings.TrimLeft(whole, "0")+part)
}

// fill pads a text to the width of its column. A sign stands before the padding.
func (c *column) fill(sign, text string) (string, error) {
	n := c.Width - utf8.RuneCountInString(text) - len(sign)
	switch {
	case n < 0:
		return "", fmt.Errorf("%q is longer than the %d characters of its column", doc.Shorten(sign+text, 60), c.Width)
	case c.Align == "right" && c.Pad == "0":
		return sign + strings.Repeat("0", n) + text, nil
	case c.Align == "right":
		return strings.Repeat(c.Pad, n) + sign + text, nil
	}
	return sign + text + strings.Repeat(c.Pad, n), nil
}
