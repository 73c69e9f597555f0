package doc

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the value as JSON. Parsed nodes are copied as the bytes they were written with; Missing is null.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.isNode() {
		return append(dst, v.Source()...)
	}
	switch v.Kind() {
	case Bool:
		if v.n != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case Number:
		return v.decimal().Append(dst)
	case String:
		return appendQuoted(dst, v.text())
	case Array:
		return appendList(dst, v.list())
	case Object:
		return appendFields(dst, v.fields())
	}
	return append(dst, "null"...)
}

func appendList(dst []byte, elems []Value) []byte {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.AppendJSON(dst)
	}
	return append(dst, ']')
}

func appendFields(dst []byte, fields []Field) []byte {
	dst = append(dst, '{')
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, fields[i].Name), ':')
		dst = fields[i].Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// JSON returns the value as JSON, in bytes that the caller owns.
func (v Value) JSON() []byte { return v.AppendJSON(nil) }

// MarshalJSON makes a Value write itself inside other Go values.
func (v Value) MarshalJSON() ([]byte, error) { return v.JSON(), nil }

// Source returns the JSON text of a parsed or built node with no copy: read only. It is nil for a computed value.
func (v Value) Source() []byte {
	if !v.isNode() {
		return nil
	}
	t := v.tape()
	n := &t.nodes[v.n]
	return t.src[n.start:n.end:n.end]
}

// Text returns the value as text: a string bare, null and missing as "", all others as JSON.
func (v Value) Text() string {
	switch v.Kind() {
	case Missing, Null:
		return ""
	case String:
		return v.Str()
	}
	if v.isNode() {
		return View(v.Source())
	}
	return string(v.JSON())
}

// textLimit is how many bytes of JSON String shows.
const textLimit = 200

// String returns the value for people: its JSON, cut at 200 bytes.
func (v Value) String() string {
	b := v.Source()
	if b == nil {
		b = v.JSON()
	}
	return Shorten(View(b), textLimit)
}

// Shorten returns the text with … in place of what is beyond most bytes. No character is cut in two.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// quoted is a key or a number for a message.
func quoted(s string) string { return strconv.Quote(Shorten(s, 60)) }

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string. s is valid UTF-8.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := plainPrefix(s, 0); i < len(s); i = plainPrefix(s, from) {
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, s[i])
		from = i + 1
	}
	return append(append(dst, s[from:]...), '"')
}

// escapes is the short escapes; all other control characters are written by their number.
var escapes = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendEscape(dst []byte, c byte) []byte {
	if e := escapes[c]; e != 0 {
		return append(dst, '\\', e)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
