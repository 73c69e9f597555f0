// Package ndjson is the format `ndjson`: one JSON document a line.
package ndjson

import (
	"bytes"
	"io"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

// Options are none.
type Options struct{}

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "ndjson", Types: []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}},
		func() *Options { return &Options{} }, nil,
		func(*Options, func(string) *hub.Format) (*hub.Format, error) {
			return &hub.Format{Name: "ndjson", Type: "application/x-ndjson", Decode: decode, Encode: encode, Records: records,
				Append: lines.Append}, nil
		})
}

// records gives each line that is not blank. A line that is no document is refused when it is read, which is here.
func records(r io.Reader, limit int) hub.RecordReader {
	return lines.Records(r, limit, func(line []byte) (hub.Body, error) {
		v, err := doc.Parse(line)
		return hub.DocumentBody(v), err
	})
}

func decode(raw []byte) (doc.Value, error) {
	return lines.List(records(bytes.NewReader(raw), len(raw)))
}

func encode(v doc.Value) ([]byte, error) {
	if v.Kind() != doc.Array {
		return append(v.AppendJSON(make([]byte, 0, len(v.Source())+1)), '\n'), nil
	}
	var out []byte
	for _, e := range v.Elems() {
		out = append(e.AppendJSON(out), '\n')
	}
	return out, nil
}
