// Package csv reads CSV rows as documents, as a stream: memory does not grow with the file.
//
// A row is an object with one string field for each column; the header row gives the names. A record that cannot be read is a *RowError, and
// the reader goes on with the next one. Nothing is guessed: no value is trimmed, turned into a number or filled in.
//
// The reader is its own, not encoding/csv: that one keeps NUL, has no limit for a field, and reads the whole rest of a file into memory when a
// quote is not closed.
package csv

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"orderhub/hub/doc"
)

// Options says how a CSV file is read.
type Options struct {
	Delimiter string   `yaml:"delimiter" doc:"the character between columns, or tab; without it \",\", and \";\" when the header row has no \",\""`
	Encoding  string   `yaml:"encoding" default:"utf-8" doc:"utf-8, or latin1 (bytes 80-9F as in Windows-1252)"`
	Header    []string `yaml:"header" doc:"the column names that must be there, in any order; more columns may be"`
	NoHeader  bool     `yaml:"no_header" doc:"the file has no header row: header names the columns, in their order"`
}

// The limits of a file. They bound the memory of a Reader.
const (
	MaxField   = 1 << 20 // bytes of one field
	MaxRecord  = 8 << 20 // bytes of one record
	MaxColumns = 1000
)

const (
	utf8Text   = "utf-8"
	latin1Text = "latin1"
)

// Check reports options that make no sense. NewReader calls it too; its error then comes from the first Next.
func (o Options) Check() error {
	if _, err := delimiter(o.Delimiter); err != nil {
		return err
	}
	switch o.Encoding {
	case "", utf8Text, latin1Text:
	default:
		return fmt.Errorf("encoding %q: expected %s or %s", o.Encoding, utf8Text, latin1Text)
	}
	if o.NoHeader && len(o.Header) == 0 {
		return errors.New("no_header needs header: the names of the columns")
	}
	if len(o.Header) > 0 {
		if detail := badNames(o.Header); detail != "" {
			return errors.New("header: " + detail)
		}
	}
	return nil
}

// delimiter returns the byte between columns, 0 for: find it.
func delimiter(s string) (byte, error) {
	switch {
	case s == "":
		return 0, nil
	case s == "tab":
		return '\t', nil
	case len(s) == 1 && (s[0] >= ' ' && s[0] < 0x7F || s[0] == '\t') && s[0] != '"':
		return s[0], nil
	}
	return 0, fmt.Errorf("delimiter %q: expected one ASCII character that is no quote, or tab", s)
}

// Reader reads rows one by one. It is not for concurrent use.
type Reader struct {
	options Options
	in      input
	scan    scanner
	latin1  bool
	started bool
	err     error // final: every later Next returns it
	line    int   // of the next record
	names   []string
	build   doc.Builder
	scratch []byte
}

// NewReader returns a Reader of the stream. The caller closes the stream.
func NewReader(r io.Reader, o Options) *Reader {
	c := &Reader{options: o, in: input{src: r}, line: 1, latin1: o.Encoding == latin1Text}
	c.scan.in = &c.in
	c.err = o.Check()
	return c
}

// Next returns the next row and the line it starts on. The error is a *RowError when that record is refused, and Next may be called again; with
// the code csv_header the file is refused, and io.EOF follows. At the end it is io.EOF. All other errors are the stream's, and final.
func (r *Reader) Next() (row doc.Value, line int, err error) {
	if r.err != nil {
		return doc.Value{}, r.line, r.err
	}
	if !r.started {
		r.started = true
		if err := r.start(); err != nil {
			return doc.Value{}, err.Record, err
		}
		if r.err != nil {
			return doc.Value{}, r.line, r.err
		}
	}
	raw, line, err := r.record()
	if err != nil {
		return doc.Value{}, line, err
	}
	if f := r.checkCount(raw); f != nil {
		return doc.Value{}, line, refuse(raw, line, f)
	}
	return r.row(raw), line, nil
}

// Columns returns the names of the columns; they are known after the first Next.
func (r *Reader) Columns() []string { return r.names }

// record returns the next record that is not a blank line. The error may be a *RowError.
func (r *Reader) record() (raw []byte, line int, err error) {
	for r.in.have(0) {
		if c := r.in.at(0); c == '\n' || c == '\r' {
			r.in.take(r.scan.lineEnd(0))
			r.line++
			continue
		}
		line = r.line
		n, f := r.scan.record()
		if r.cutShort(n) {
			break
		}
		if f != nil {
			return nil, line, r.dropRecord(n, f)
		}
		raw = r.in.take(n)
		r.line++
		if r.scan.quoted {
			r.line = line + max(1, lines(raw))
		}
		if f := checkText(raw, r.latin1); f != nil {
			return nil, line, refuse(raw, line, f)
		}
		return raw, line, nil
	}
	if r.err = r.in.failed; r.err != io.EOF {
		r.err = fmt.Errorf("csv: after line %d: %w", r.line-1, r.err)
	}
	return nil, r.line, r.err
}

// cutShort reports whether the stream failed inside the n bytes of a record, which is then no record.
func (r *Reader) cutShort(n int) bool {
	return r.in.failed != nil && r.in.failed != io.EOF && n == len(r.in.rest(0))
}

// dropRecord drops the record with a fault, of which n bytes were scanned.
func (r *Reader) dropRecord(n int, f *fault) *RowError {
	e := refuse(r.in.rest(0)[:n], r.line, f)
	d := r.scan.drop(f.long)
	e.Raw = d.raw
	r.line += max(1, d.lines)
	if d.open {
		e.Detail += fmt.Sprintf(", and its quote is never closed: all lines to the end, line %d, are part of it", r.line-1)
	}
	return e
}

func (r *Reader) checkCount(raw []byte) *fault {
	count, want := r.scan.count, len(r.names)
	if count == want {
		return nil
	}
	at := len(raw)
	if count > want {
		at = r.scan.fields[want].from
	}
	for at > 0 && at == len(raw) && (raw[at-1] == '\n' || raw[at-1] == '\r') {
		raw, at = raw[:at-1], at-1
	}
	return bad(at, "%s, expected %d: %s", plural(count, "column"), want, list(r.names))
}

// row makes the document of a record whose count is right.
func (r *Reader) row(raw []byte) doc.Value {
	r.build.BeginObject()
	for i, f := range r.scan.fields {
		r.build.Key(r.names[i])
		text := raw[f.from:f.to]
		if f.escaped || r.latin1 {
			r.scratch = appendField(r.scratch[:0], raw, f, r.latin1)
			text = r.scratch
		}
		r.build.Str(unsafe.String(unsafe.SliceData(text), len(text))) // Str copies it
	}
	r.build.EndObject()
	return r.build.Done()
}
