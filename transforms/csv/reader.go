package csv

import (
	"fmt"
	"io"
	"unsafe"

	"orderhub/hub/doc"
)

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
