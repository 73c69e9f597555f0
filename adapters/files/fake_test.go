package files

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// formats stand for those of the hub, which adapters don't know: lines, JSON documents, rows without quotes.
var formats = map[string]*hub.Format{
	"lines":  {Name: "lines", Type: "text/plain", Records: linewise(func(raw []byte) (hub.Body, error) { return hub.NewBody(raw), nil })},
	"ndjson": {Name: "ndjson", Type: "application/x-ndjson", Records: linewise(document)},
	"csv":    {Name: "csv", Type: "text/csv", Records: rows(",")},
	"csv;":   {Name: "csv;", Type: "text/csv", Records: rows(";")},
	"zipped": {Name: "zipped", Type: "text/csv", Coding: "gzip", Records: rows(",")},
}

func document(raw []byte) (hub.Body, error) {
	v, err := doc.Parse(raw)
	return hub.DocumentBody(v), err
}

// linewise makes a record of each line that is not blank.
func linewise(read func(raw []byte) (hub.Body, error)) func(io.Reader, int) hub.RecordReader {
	return func(r io.Reader, limit int) hub.RecordReader {
		in, line := bufio.NewReader(r), 0
		return func() (hub.Body, int, error) {
			for {
				raw, err := in.ReadBytes('\n')
				if err != nil && (err != io.EOF || len(raw) == 0) {
					return hub.Body{}, line, err
				}
				line++
				if raw = bytes.TrimRight(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), "\r\n"); len(raw) > limit {
					return hub.Body{}, line, refused(line, 1, "too_large", fmt.Sprintf("the line is larger than %d bytes", limit), raw)
				}
				if len(bytes.TrimSpace(raw)) == 0 {
					continue
				}
				body, err := read(raw)
				if bad, ok := err.(*doc.SyntaxError); ok {
					return body, line, refused(line, bad.Col, bad.Code, bad.Detail, raw)
				}
				return body, line, err
			}
		}
	}
}

func refused(line, col int, code, detail string, raw []byte) error {
	return &hub.RecordError{SyntaxError: doc.SyntaxError{Code: code, Line: line, Col: col, Detail: detail}, Raw: raw}
}

// rows makes a record of each row; one with another number of cells is refused, and a header with a column without name refuses all.
func rows(delimiter string) func(io.Reader, int) hub.RecordReader {
	return func(r io.Reader, _ int) hub.RecordReader {
		var header []string
		in, line := bufio.NewScanner(r), 0
		return func() (hub.Body, int, error) {
			for in.Scan() {
				line++
				cells := strings.Split(in.Text(), delimiter)
				switch {
				case header == nil && cells[0] == "":
					return hub.Body{}, line, fmt.Errorf("the header has a column without name")
				case header == nil:
					header = cells
					continue
				case len(cells) != len(header):
					return hub.Body{}, line, refused(line, 1, "bad_csv", fmt.Sprintf("%d columns, expected %d", len(cells), len(header)), []byte(in.Text()))
				}
				var fields []doc.Field
				for i, c := range cells {
					fields = append(fields, doc.Field{Name: header[i], Value: doc.StringValue(c)})
				}
				return hub.DocumentBody(doc.ObjectOf(fields)), line, nil
			}
			if err := in.Err(); err != nil {
				return hub.Body{}, line, err
			}
			return hub.Body{}, line, io.EOF
		}
	}
}
