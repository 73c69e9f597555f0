// Package text is the format `text`: the body is one string.
package text

import (
	"io"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

// Options are none.
type Options struct{}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "text", Types: []string{"text/plain", "text/html", "text/*"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			f := &hub.Format{Name: "text", Type: "text/plain; charset=utf-8", Decode: decode, Encode: encode}
			f.Append = lines.Append
			f.Records = func(r io.Reader, limit int) hub.RecordReader { return records(f, r, limit) }
			return f, nil
		})
}

// records gives each line that is not blank: a text, as the whole is one.
func records(f *hub.Format, r io.Reader, limit int) hub.RecordReader {
	return lines.Records(r, limit, func(line []byte) (hub.Body, error) {
		v, err := decode(line)
		return hub.DocumentBody(v).In(f), err
	})
}

func decode(raw []byte) (doc.Value, error) {
	if at := doc.NotUTF8(raw); at >= 0 {
		return doc.Value{}, doc.Refuse(raw, at, doc.CodeBadUTF8, "the text is not UTF-8; name its character set: charset=iso-8859-1 in the content type, or charset: at the format")
	}
	return doc.StringValue(string(raw)), nil
}

func encode(v doc.Value) ([]byte, error) {
	switch v.Kind() {
	case doc.Object, doc.Array:
		return nil, hub.Fail(hub.Invalid, "no_text", "a text is a string, a number or a truth value, and this is %s; name the field that is meant, or write it with string(body)", v.Kind())
	}
	return []byte(v.Text()), nil
}
