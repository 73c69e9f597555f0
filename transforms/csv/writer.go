package csv

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"orderhub/hub/doc"
)

// WriterOptions says how documents are written as CSV.
type WriterOptions struct {
	Delimiter      string   `yaml:"delimiter" default:"," doc:"the character between columns, or tab"`
	Columns        []string `yaml:"columns" doc:"the fields to write, in order; without it the fields of the first document"`
	NoHeader       bool     `yaml:"no_header" doc:"write no header row"`
	ForSpreadsheet bool     `yaml:"for_spreadsheet" doc:"put ' before text that a spreadsheet would run as a formula"`
}

// Writer writes documents as rows. The caller calls Flush at the end. It is not for concurrent use.
type Writer struct {
	out     *bufio.Writer
	options WriterOptions
	delim   byte
	columns []string
	err     error // of the options; final
	row     []byte
}

// NewWriter returns a Writer to the stream. Options that make no sense are the error of the first Write.
func NewWriter(w io.Writer, o WriterOptions) *Writer {
	c := &Writer{out: bufio.NewWriter(w), options: o}
	if c.delim, c.err = delimiter(o.Delimiter); c.delim == 0 {
		c.delim = ','
	}
	if detail := badNames(o.Columns); c.err == nil && detail != "" {
		c.err = fmt.Errorf("columns: %s", detail)
	}
	return c
}

// Write writes one object as a row. Missing fields and null are empty, objects and arrays are JSON text. A field that is no column is an error,
// unless the columns were given; nothing of that document is written then.
func (w *Writer) Write(v doc.Value) error {
	if w.err != nil {
		return w.err
	}
	if v.Kind() != doc.Object {
		return fmt.Errorf("csv: a row is an object, this is %s", v.Kind())
	}
	w.row = w.row[:0]
	columns := w.columns
	if columns == nil {
		var err error
		if columns, err = w.header(v); err != nil {
			return err
		}
	}
	known, err := w.cells(v, columns)
	if err != nil {
		return err
	}
	if len(w.options.Columns) == 0 && known != v.Len() {
		return unknownField(v, columns)
	}
	w.columns = columns
	_, err = w.out.Write(w.row)
	return err
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }

// header finds the columns and appends the header row.
func (w *Writer) header(first doc.Value) ([]string, error) {
	columns := w.options.Columns
	if len(columns) == 0 {
		for name := range first.Fields() {
			columns = append(columns, strings.Clone(name))
		}
		if detail := badNames(columns); detail != "" || len(columns) == 0 {
			return nil, fmt.Errorf("csv: the first document cannot name the columns: %s", orNone(detail))
		}
	}
	if w.options.NoHeader {
		return columns, nil
	}
	for i, name := range columns {
		if err := w.cell(i, name, true); err != nil {
			return nil, err
		}
	}
	w.endRow()
	return columns, nil
}

func orNone(detail string) string {
	if detail == "" {
		return "it has no fields"
	}
	return detail
}

// cells appends the row of a document and counts the columns that it has.
func (w *Writer) cells(v doc.Value, columns []string) (known int, err error) {
	start := len(w.row)
	for i, name := range columns {
		f := v.Get(name)
		if f.Kind() != doc.Missing {
			known++
		}
		if err := w.cell(i, f.Text(), f.Kind() != doc.Number); err != nil {
			return 0, fmt.Errorf("csv: column %q: %w", name, err)
		}
	}
	if len(w.row) == start { // one empty column: a blank line would be no record
		w.row = append(w.row, '"', '"')
	}
	w.endRow()
	return known, nil
}

func (w *Writer) endRow() { w.row = append(w.row, '\r', '\n') }

func unknownField(v doc.Value, columns []string) error {
	for name := range v.Fields() {
		found := false
		for _, column := range columns {
			found = found || column == name
		}
		if !found {
			return fmt.Errorf("csv: the field %q is no column; the columns are %s", name, list(columns))
		}
	}
	return nil
}
