package files

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// fakeCSV stands for the parser that cmd/hub injects: rows without quotes; a row with another number of cells is refused.
func fakeCSV(r io.Reader, _ int64, c *Config) RecordReader {
	return &fakeRows{in: bufio.NewScanner(r), delimiter: cmp.Or(c.CSV.Delimiter, ",")}
}

type fakeRows struct {
	in        *bufio.Scanner
	delimiter string
	header    []string
	line      int
}

func (f *fakeRows) Next() (hub.Body, int, error) {
	for f.in.Scan() {
		f.line++
		cells := strings.Split(f.in.Text(), f.delimiter)
		if f.header == nil {
			if cells[0] == "" {
				return hub.Body{}, f.line, fmt.Errorf("the header has a column without name")
			}
			f.header = cells
			continue
		}
		if len(cells) != len(f.header) {
			return hub.Body{}, f.line, &RecordError{Reason: "bad_csv", Detail: fmt.Sprintf("%d columns, expected %d", len(cells), len(f.header)), Raw: []byte(strings.Join(cells, ","))}
		}
		var fields []doc.Field
		for i, c := range cells {
			fields = append(fields, doc.Field{Name: f.header[i], Value: doc.StringValue(c)})
		}
		return hub.DocumentBody(doc.ObjectOf(fields)), f.line, nil
	}
	if err := f.in.Err(); err != nil {
		return hub.Body{}, f.line, err
	}
	return hub.Body{}, f.line, io.EOF
}
