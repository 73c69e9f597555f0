// Package text is the format `text`: the body is one string.
package text

import (
	_ "embed"
	"io"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

//go:embed README.md
var readme string

// Options are none.
type Options struct{}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "text", Doc: readme, Types: []string{"text/plain", "text/html", "text/*"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			f := &hub.Format{Name: "text", Type: "text/plain; charset=utf-8", Decode: decode, Encode: encode}
			f.Records = func(r io.Reader, limit int) hub.RecordReader { return records(f, r, limit) }
			return f, nil
		})
}

// records gives each line that is not blank: a text, as the whole is one.
func records(f *hub.Format, r io.Reader, limit int) hub.RecordReader {
	in := lines.NewReader(r, limit)
	return func() (hub.Body, int, error) {
		raw, line, err := in.Next()
		if err != nil {
			return hub.Body{}, line, err
		}
		v, err := decode(raw)
		if err != nil {
			bad := &hub.RecordError{SyntaxError: *err.(*doc.SyntaxError), Raw: raw} // it gives no other
			bad.Line += line - 1
			return hub.Body{}, line, bad
		}
		return hub.DocumentBody(v).In(f), line, nil
	}
}

func decode(raw []byte) (doc.Value, error) {
	if utf8.Valid(raw) {
		return doc.StringValue(string(raw)), nil
	}
	return doc.Value{}, doc.Refuse(raw, firstInvalid(raw), doc.CodeBadUTF8, "the text is not UTF-8; name its character set: charset=iso-8859-1 in the content type, or charset: at the format")
}

// firstInvalid is where raw stops being UTF-8.
func firstInvalid(raw []byte) int {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(raw)
}

func encode(v doc.Value) ([]byte, error) {
	switch v.Kind() {
	case doc.Object, doc.Array:
		return nil, hub.Fail(hub.Invalid, "no_text", "a text is a string, a number or a truth value, and this is %s; name the field that is meant, or write it with string(body)", v.Kind())
	}
	return []byte(v.Text()), nil
}
