package csv

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/lines"
)

// reader reads rows one by one.
type reader struct {
	f       *format
	in      io.Reader
	room    []byte // whose end is buf
	buf     []byte // what is read of the stream, and not done
	failed  error  // of the stream: io.EOF at its end
	scan    scanner
	started bool
	err     error // final: every later row returns it
	line    int   // of the next record
	columns []*column
	spare   endings
	scratch []byte
}

// records gives each row of a stream.
func (f *format) records(in io.Reader, limit int) hub.RecordReader {
	return f.rows(&reader{f: f, in: in, line: 1, scan: scanner{limit: limit}})
}

// decode reads a whole body: the list of its rows.
func (f *format) decode(raw []byte) (doc.Value, error) {
	return lines.List(f.rows(&reader{f: f, buf: raw, failed: io.EOF, line: 1, scan: scanner{limit: len(raw)}}))
}

func (f *format) rows(r *reader) hub.RecordReader {
	var b doc.Builder
	return func() (hub.Body, int, error) {
		line, err := r.row(&b)
		if err != nil {
			b.Reset()
			return hub.Body{}, line, err
		}
		return hub.DocumentBody(b.Done()), line, nil
	}
}

const window = 64 << 10

// fill reads on: as much again at least, so that what is scanned again is not scanned too often. False: there is no more.
func (r *reader) fill() bool {
	if r.failed != nil {
		return false
	}
	n := len(r.buf)
	if n == cap(r.buf) {
		if 2*n >= len(r.room) {
			r.room = make([]byte, max(window, 2*n))
		}
		r.buf = r.room[:copy(r.room, r.buf)]
	}
	free := r.buf[n:cap(r.buf)]
	read, err := io.ReadAtLeast(r.in, free, min(max(n, 1), len(free)))
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	r.buf, r.failed = r.buf[:n+read], err
	return read > 0
}

// have tells that n bytes are there, and reads on if it must.
func (r *reader) have(n int) bool {
	for len(r.buf) < n && r.fill() {
	}
	return len(r.buf) >= n
}

type recordError = hub.RecordError

// row adds the next row to b, and returns the line it starts on. The error is a *hub.RecordError when that record is refused, and row may be
// called again, once what stands of the row in b is dropped; a *doc.SyntaxError when the file is, and io.EOF at its end. All others are the
// stream's, and final.
func (r *reader) row(b *doc.Builder) (line int, err error) {
	if !r.started && r.err == nil {
		r.started = true
		if bad := r.start(); bad != nil {
			return bad.Line, bad
		}
	}
	if r.err != nil {
		return r.line, r.err
	}
	raw, line, err := r.record()
	if err != nil {
		return line, err
	}
	f := r.checkCount(raw)
	if f == nil {
		f = r.cells(b, raw)
	}
	if f != nil {
		return line, refuse(raw, line, f)
	}
	return line, nil
}

// record returns the next record that is not a blank line, until the next call. The error may be a *hub.RecordError.
func (r *reader) record() (raw []byte, line int, err error) {
	for r.have(1) {
		n, f := r.scan.record(r.buf, r.failed == io.EOF)
		if n == more && (r.fill() || r.failed == io.EOF) {
			continue
		}
		if n == more { // the stream failed within a record, which is none then
			break
		}
		line = r.line
		if f != nil {
			return nil, line, r.dropRecord(n, f)
		}
		raw, r.buf = r.buf[:n], r.buf[n:]
		r.line++
		if raw[0] == '\n' || raw[0] == '\r' {
			continue
		}
		if r.scan.quoted {
			r.line = line + max(1, lineEnds(raw))
		}
		if f := checkText(raw); f != nil {
			return nil, line, refuse(raw, line, f)
		}
		return raw, line, nil
	}
	if r.err = r.failed; r.err != io.EOF {
		r.err = fmt.Errorf("csv: after line %d: %w", r.line-1, r.err)
	}
	return nil, r.line, r.err
}

// dropRecord drops the record with a fault, of which n bytes were scanned.
func (r *reader) dropRecord(n int, f *fault) *recordError {
	e := refuse(r.buf[:n], r.line, f)
	raw, lines, open := r.drop(f.long && r.scan.stops['"'])
	e.Raw = raw
	r.line += max(1, lines)
	if open {
		e.Detail += fmt.Sprintf(", and its quote is never closed: all lines to the end, line %d, are part of it", r.line-1)
	}
	return e
}

// checkText refuses what no text may hold.
func checkText(raw []byte) *fault {
	hint := ""
	if bytes.HasPrefix(raw, []byte("\xFF\xFE")) || bytes.HasPrefix(raw, []byte("\xFE\xFF")) {
		hint = ": the file is UTF-16, write charset: utf-16 at the format"
	}
	if at := bytes.IndexByte(raw, 0); at >= 0 {
		return bad(at, "a NUL byte%s", hint)
	}
	if at := doc.NotUTF8(raw); at >= 0 {
		detail := fmt.Sprintf("the byte 0x%02X is not valid UTF-8 (charset: windows-1252 at the format reads older files)%s", raw[at], hint)
		return &fault{at: at, code: doc.CodeBadUTF8, detail: detail}
	}
	return nil
}

// endings tell whether the rows of a file end with a delimiter, behind an empty cell that is none.
type endings byte

const (
	endsUnknown endings = iota
	endsSpare           // as the header row or the first row does
	endsBare            // so a row that does has a cell too many, such as by a decimal comma without quotes
)

// checkCount refuses another number of cells than there are columns.
func (r *reader) checkCount(raw []byte) *fault {
	count, want := r.scan.count, len(r.columns)
	if count == want {
		if r.spare == endsUnknown {
			r.spare = endsBare
		}
		return nil
	}
	at := len(raw)
	if count > want {
		last := r.scan.fields[want]
		if at = last.from; count == want+1 && last.from == last.to && r.spare != endsBare {
			r.spare = endsSpare
			return nil
		}
	}
	for at > 0 && at == len(raw) && (raw[at-1] == '\n' || raw[at-1] == '\r') {
		raw, at = raw[:at-1], at-1
	}
	names := make([]string, want)
	for i, c := range r.columns {
		names[i] = c.name
	}
	return bad(at, "%s, expected %d: %s", plural(count, "column"), want, list(names))
}

// cells adds a record whose count is right to b, as an object.
func (r *reader) cells(b *doc.Builder, raw []byte) *fault {
	b.BeginObject()
	for i, c := range r.columns {
		f := r.scan.fields[i]
		text := doc.View(f.content(raw, &r.scratch)) // b copies it
		if r.f.Guard && c.Type == typeText {
			text = unguarded(text)
		}
		if detail := c.read(b, text); detail != "" {
			return bad(f.from, "%s", detail)
		}
	}
	b.EndObject()
	return nil
}

const maxRaw = 64 << 10 // bytes of a refused record that are kept

// fault is what is wrong at an offset of a record.
type fault struct {
	at           int
	code, detail string
	long         bool // too long: to be dropped to its true end
}

func bad(at int, format string, args ...any) *fault {
	return &fault{at: at, code: CodeBadCSV, detail: fmt.Sprintf(format, args...)}
}

// refuse makes the error for a fault in a record that starts on line.
func refuse(raw []byte, line int, f *fault) *recordError {
	e := &recordError{SyntaxError: doc.SyntaxError{Code: f.code, Offset: f.at, Line: line, Col: 1, Detail: f.detail}}
	at := min(f.at, len(raw))
	lineStart := 0
	for i := range at {
		if endsLine(raw, i) {
			e.Line++
			lineStart = i + 1
		}
	}
	e.Col += utf8.RuneCount(raw[lineStart:at])
	e.Raw = append(e.Raw, raw[:min(len(raw), maxRaw)]...)
	return e
}

// endsLine reports whether the byte at i is the last of a line's end: LF, CR LF or CR.
func endsLine(b []byte, i int) bool {
	return b[i] == '\n' || b[i] == '\r' && (i+1 == len(b) || b[i+1] != '\n')
}

// lineEnds counts them.
func lineEnds(b []byte) int {
	n := 0
	for i := range b {
		if b[i] <= '\r' && endsLine(b, i) {
			n++
		}
	}
	return n
}
