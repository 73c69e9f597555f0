package formula

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"time"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
	"orderhub/transforms/units"
)

// convertBuiltins are the conversions, and what is known of times.
func convertBuiltins() []builtin {
	return []builtin{
		{name: "int", params: []set{nums | strs}, least: 1, result: gives(shape.NumberType), one: toInt},
		{name: "number", params: []set{nums | strs}, least: 1, result: gives(shape.NumberType), one: toNumber},
		{name: "string", params: []set{bools | nums | strs | arrs | objs}, least: 1, result: gives(shape.StringType), one: toString},
		{name: "type", params: []set{anything}, least: 1, result: gives(typeNames), one: typeOf},
		{name: "toJSON", params: []set{anything}, least: 1, result: gives(shape.StringType), one: toJSON},
		{name: "fromJSON", params: []set{strs}, least: 1, result: gives(shape.AnyType), one: fromJSON},
		{name: "uuid5", params: []set{strs}, least: 1, result: gives(shape.StringType), one: uuid5},
		{name: "now", changes: true, result: gives(shape.StringType), many: now},
		{name: "iso", params: []set{strs | nums}, least: 1, result: gives(shape.StringType), one: iso},
		{name: "addDuration", params: []set{strs | nums, strs}, least: 2, result: gives(shape.StringType), two: addDuration},
	}
}

var typeNames = shape.EnumOf("null", "bool", "number", "string", "array", "object")

// toNumber reads a number in a text: "5.20", " 7 ", "007".
func toNumber(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	if a.Kind() == doc.Number {
		return a, nil
	}
	d, ok := parseNumber(a.Str())
	if !ok {
		err := s.args[0].wrong(fr, a, "a number")
		err.Message = s.args[0].text() + " is no number"
		err.Help = ""
		return a, err
	}
	return doc.NumberValue(d), nil
}

func parseNumber(text string) (doc.Decimal, bool) {
	text = strings.TrimSpace(text)
	sign := ""
	if text != "" && (text[0] == '-' || text[0] == '+') {
		sign, text = strings.TrimSuffix(text[:1], "+"), text[1:]
	}
	if text == "" || text[0] < '0' || text[0] > '9' {
		return doc.Decimal{}, false
	}
	d, err := doc.ParseDecimal(sign + leadingZeros(text))
	return d, err == nil
}

func leadingZeros(s string) string {
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	return s
}

// toInt cuts the fraction of a number, and reads a whole number in a text.
func toInt(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	v, err := toNumber(s, fr, a)
	if err != nil {
		return v, err
	}
	d := v.Num()
	if a.Kind() == doc.String && !d.IsInt() {
		err := s.args[0].wrong(fr, a, "a whole number")
		err.Message = s.args[0].text() + " is no whole number"
		err.Help = "use number(" + s.args[0].text() + ")"
		return a, err
	}
	return doc.NumberValue(d.Trunc()), nil
}

// toString is a string as it is, a number with its digits, all else as JSON.
func toString(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	if a.Kind() == doc.String {
		return a, nil
	}
	if !fr.weigh(a) {
		return a, s.limit(fr)
	}
	return s.result(fr, a.Text())
}

func typeOf(_ *site, _ *Frame, a doc.Value) (doc.Value, *RunError) {
	if a.IsNull() {
		return doc.StringValue("null"), nil
	}
	return doc.StringValue(a.Kind().String()), nil
}

func toJSON(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	if !fr.weigh(a) {
		return a, s.limit(fr)
	}
	return s.result(fr, string(a.JSON()))
}

func fromJSON(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	text := a.Str()
	if !fr.spend(len(text)/16) || !fr.take(12*len(text)) {
		return a, s.limit(fr)
	}
	v, err := doc.Parse([]byte(text))
	if err != nil {
		e := s.args[0].fail("%s is no JSON: %v", s.args[0].text(), err)
		e.Found = fr.found(s.args[0].text(), a)
		return a, e
	}
	return v, nil
}

// namespace is the hub's own UUID namespace: the UUID of "orderhub" in the DNS namespace of RFC 9562.
var namespace = nameUUID([16]byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}, "orderhub")

// nameUUID is a UUID of version 5: always the same for the same name.
func nameUUID(space [16]byte, name string) (u [16]byte) {
	h := sha1.New()
	h.Write(space[:])
	h.Write([]byte(name))
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

func uuid5(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	u := nameUUID(namespace, a.Str())
	h := hex.EncodeToString(u[:])
	return s.result(fr, h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:])
}

// layout of all times that formulas make: of one length, so that comparing the texts compares the times.
const layout = "2006-01-02T15:04:05Z"

func now(_ *site, fr *Frame, _ []doc.Value) (doc.Value, *RunError) {
	return doc.StringValue(fr.Now().UTC().Format(layout)), nil
}

func iso(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	t, err := s.time(fr, a)
	if err != nil {
		return a, err
	}
	return doc.StringValue(t.Format(layout)), nil
}

func addDuration(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
	t, err := s.time(fr, a)
	if err != nil {
		return a, err
	}
	text, minus := strings.CutPrefix(strings.TrimSpace(b.Str()), "-")
	d, bad := units.ParseDuration(text)
	if bad != nil {
		e := s.args[1].fail("%s is no duration", s.args[1].text())
		e.Help = `write "3d", "1d12h", "30m" or "-2w"`
		return b, e
	}
	if minus {
		d = -d
	}
	if t = t.Add(d); t.Year() < 1 || t.Year() > 9999 {
		return a, s.fail("the time is outside the years 1 to 9999")
	}
	return doc.StringValue(t.Format(layout)), nil
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04",
	"2006-01-02 15:04", "2006-01-02"}

// ParseTime reads an ISO time of the years 1 to 9999; without a zone it is UTC.
func ParseTime(text string) (time.Time, bool) {
	if text = strings.TrimSpace(text); len(text) > 40 {
		return time.Time{}, false
	}
	for _, l := range timeLayouts {
		if t, err := time.Parse(l, text); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// time reads an ISO time, or Unix seconds.
func (s *site) time(fr *Frame, a doc.Value) (time.Time, *RunError) {
	if a.Kind() == doc.Number {
		if n, ok := a.Num().Floor().Int64(); ok && n > -62135596800 && n < 253402300800 {
			return time.Unix(n, 0).UTC(), nil
		}
	} else if t, ok := ParseTime(a.Str()); ok {
		return t, nil
	}
	e := s.args[0].fail("%s is no time", s.args[0].text())
	e.Help = "write it as 2006-01-02T15:04:05Z or 2006-01-02"
	e.Found = fr.found(s.args[0].text(), a)
	return time.Time{}, e
}
