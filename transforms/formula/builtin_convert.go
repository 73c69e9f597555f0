package formula

import (
	"crypto/sha1"
	"fmt"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// convertBuiltins are the conversions.
func convertBuiltins() []builtin {
	return []builtin{
		{name: "int", params: []set{nums | strs}, result: shape.NumberType, do: toInt},
		{name: "number", params: []set{nums | strs}, result: shape.NumberType, do: toNumber},
		{name: "string", params: []set{bools | nums | strs | arrs | objs}, result: shape.StringType, do: toString},
		{name: "type", params: []set{anything}, result: typeNames, do: typeOf},
		{name: "toJSON", params: []set{anything}, result: shape.StringType, do: toJSON},
		{name: "fromJSON", params: []set{strs}, result: shape.AnyType, do: fromJSON},
		{name: "uuid5", params: []set{strs}, result: shape.StringType, do: uuid5},
	}
}

var typeNames = shape.EnumOf("null", "bool", "number", "string", "array", "object")

// toNumber reads a number in a text: "5.20", " 7 ", "007".
func toNumber(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	if v.Kind() == doc.Number {
		return v
	}
	return doc.NumberValue(s.parsed(fr, v))
}

// parsed is the argument as a number.
func (s *site) parsed(fr *Frame, v doc.Value) doc.Decimal {
	if v.Kind() == doc.Number {
		return v.Num()
	}
	d, ok := parseNumber(v.Str())
	if !ok {
		panic(s.no(fr, v, "number", ""))
	}
	return d
}

// no is the error of an argument v that is no such thing.
func (s *site) no(fr *Frame, v doc.Value, thing, help string) *RunError {
	n := s.args[0]
	e := n.fail("%s is no %s", n.text(), thing)
	e.Help, e.Found = help, fr.found(n.text(), v)
	return e
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
func toInt(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	d := s.parsed(fr, v)
	if v.Kind() == doc.String && !d.IsInt() {
		panic(s.no(fr, v, "whole number", "use number("+s.args[0].text()+")"))
	}
	return doc.NumberValue(d.Trunc())
}

// toString is a string as it is, a number with its digits, all else as JSON.
func toString(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	if v.Kind() == doc.String {
		return v
	}
	s.within(fr, fr.weigh(v))
	return s.built(fr, v.Text())
}

func typeOf(s *site, fr *Frame) doc.Value {
	return doc.StringValue(max(s.arg(fr, 0).Kind(), doc.Null).String())
}

func toJSON(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	s.within(fr, fr.weigh(v))
	return s.built(fr, string(v.JSON()))
}

func fromJSON(s *site, fr *Frame) doc.Value {
	v := s.arg(fr, 0)
	text := v.Str()
	s.within(fr, fr.spend(len(text)/16) && fr.take(12*len(text)))
	parsed, err := doc.Parse([]byte(text))
	if err != nil {
		panic(s.no(fr, v, "JSON: "+err.Error(), ""))
	}
	return parsed
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

func uuid5(s *site, fr *Frame) doc.Value {
	u := nameUUID(namespace, s.str(fr, 0))
	return s.built(fr, fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}
