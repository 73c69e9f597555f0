// Package ndjson is the format `ndjson`: one JSON document a line.
package ndjson

import (
	"bytes"
	_ "embed"
	"io"

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
	return hub.FormatOf(hub.FormatKind{Name: "ndjson", Doc: readme, Types: []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			return &hub.Format{Name: "ndjson", Type: "application/x-ndjson", Decode: decode, Encode: encode, Records: records}, nil
		})
}

// records gives each line that is not blank. A line that is no document is refused when it is read, which is here.
func records(r io.Reader, limit int) hub.RecordReader {
	in := lines.NewReader(r, limit)
	return func() (hub.Body, int, error) {
		raw, line, err := in.Next()
		if err != nil {
			return hub.Body{}, line, err
		}
		v, err := doc.Parse(raw)
		if err != nil {
			return hub.Body{}, line, refused(err, raw, line)
		}
		return hub.DocumentBody(v), line, nil
	}
}

// refused is the error of a line; its position is that in the stream.
func refused(err error, raw []byte, line int) error {
	bad, ok := err.(*doc.SyntaxError)
	if !ok {
		return err
	}
	out := &hub.RecordError{SyntaxError: *bad, Raw: raw}
	out.Line += line - 1
	return out
}

func decode(raw []byte) (doc.Value, error) {
	var b doc.Builder
	b.BeginArray()
	for next := records(bytes.NewReader(raw), len(raw)); ; {
		body, _, err := next()
		if err == io.EOF {
			b.EndArray()
			return b.Done(), nil
		}
		if bad, ok := err.(*hub.RecordError); ok {
			return doc.Value{}, &bad.SyntaxError
		}
		if err != nil {
			return doc.Value{}, err
		}
		v, _ := body.Doc() // checked above
		b.Value(v)
	}
}

func encode(v doc.Value) ([]byte, error) {
	if v.Kind() != doc.Array {
		return append(v.JSON(), '\n'), nil
	}
	var out []byte
	for _, e := range v.Elems() {
		out = append(e.AppendJSON(out), '\n')
	}
	return out, nil
}
