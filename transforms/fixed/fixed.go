package fixed

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// fault is what is wrong with a line, at a column from 1 in characters.
type fault struct {
	col    int
	detail string
}

// read appends the document of a line to b.
func (l *layout) read(b *doc.Builder, raw []byte) *fault {
	if !utf8.Valid(raw) {
		return &fault{1, "the line is not UTF-8; write charset: at the format"}
	}
	cells := cells{raw: raw, ascii: isASCII(raw)}
	r, kind := l.types[""], ""
	if r == nil {
		kind = string(cells.cut(l.prefix.At, l.prefix.Width))
		if r = l.types[kind]; r == nil {
			return &fault{l.prefix.At, fmt.Sprintf("no type of record begins with %q", kind)}
		}
	}
	if n := cells.len(); n > r.width && len(bytes.TrimSpace(cells.cut(r.width+1, n-r.width))) > 0 {
		return &fault{r.width + 1, fmt.Sprintf("the line has %d characters, and its record %d", n, r.width)}
	}
	b.BeginObject()
	if kind != "" {
		b.Key("record")
		b.Str(kind)
	}
	for i := range r.columns {
		c := &r.columns[i]
		v, ok, detail := c.value(cells.cut(c.At, c.Width))
		if detail != "" {
			return &fault{c.At, fmt.Sprintf("%s: %s", c.Name, detail)}
		}
		if ok {
			b.Key(c.Name)
			b.Value(v)
		}
	}
	b.EndObject()
	return nil
}

// value is what a column holds; false: nothing but padding.
func (c *Column) value(cell []byte) (v doc.Value, ok bool, detail string) {
	text := strings.Trim(string(cell), " ")
	switch c.Type {
	case "number":
		if text == "" {
			return v, false, ""
		}
		return c.number(text)
	case "date":
		if strings.Trim(text, "0"+c.Pad) == "" { // no date
			return v, false, ""
		}
		t, err := time.Parse(c.Layout, text)
		if err != nil {
			return v, false, fmt.Sprintf("%q is no date as %s", text, c.Layout)
		}
		return doc.StringValue(t.Format(isoDate)), true, ""
	}
	text = string(cell)
	if c.Align == "right" {
		text = strings.TrimLeft(text, c.Pad)
	} else {
		text = strings.TrimRight(text, c.Pad)
	}
	return doc.StringValue(text), true, ""
}

// number reads digits, with a sign before or behind them as mainframes write it, and the implied decimals.
func (c *Column) number(text string) (v doc.Value, ok bool, detail string) {
	digits, sign := text, ""
	switch {
	case strings.HasSuffix(digits, "-"), strings.HasSuffix(digits, "+"):
		sign, digits = digits[len(digits)-1:], digits[:len(digits)-1]
	case digits[0] == '-', digits[0] == '+':
		sign, digits = digits[:1], digits[1:]
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
		return v, false, fmt.Sprintf("%q is no number", text)
	}
	if c.Decimals > 0 && !strings.Contains(digits, ".") {
		for len(digits) <= c.Decimals {
			digits = "0" + digits
		}
		d, _ = doc.ParseDecimal(digits[:len(digits)-c.Decimals] + "." + digits[len(digits)-c.Decimals:]) // digits and a point
	}
	if sign == "-" {
		d = d.Neg()
	}
	return doc.NumberValue(d), true, ""
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
	from, to := c.offset(at-1), c.offset(at-1+width)
	return c.raw[from:to]
}

// offset is where character n begins, from 0.
func (c cells) offset(n int) int {
	if c.ascii {
		return min(n, len(c.raw))
	}
	at := 0
	for ; n > 0 && at < len(c.raw); n-- {
		_, size := utf8.DecodeRune(c.raw[at:])
		at += size
	}
	return at
}

func (l *layout) encode(v doc.Value) ([]byte, error) {
	rows := []doc.Value{v}
	if v.Kind() == doc.Array {
		rows = rows[:0]
		for _, e := range v.Elems() {
			rows = append(rows, e)
		}
	}
	var out []byte
	for i, row := range rows {
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
func (c *Column) text(v doc.Value) (string, error) {
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
func (c *Column) numeral(v doc.Value) (string, error) {
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
func (c *Column) fill(sign, text string) (string, error) {
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
