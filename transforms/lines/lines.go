// Package lines cuts a stream into its lines, for the formats that are made of lines, and has what formats of many records share.
package lines

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const block = 256 << 10

var byteOrderMark = []byte("\xef\xbb\xbf")

// Reader gives the lines of a stream that are not blank, in constant memory.
type Reader struct {
	r          io.Reader
	limit      int
	buf        []byte // what is given out is part of it: it is never written again there
	start, end int    // the part of buf that is read and not given
	seen       int    // no line ends in buf[start:seen]
	line       int
	err        error // of the last read
}

// NewReader reads r; a line of more than limit bytes is refused.
func NewReader(r io.Reader, limit int) *Reader {
	first := block
	if s, ok := r.(interface{ Len() int }); ok { // it knows how much is left: no more is reserved
		first = max(1, min(first, s.Len()))
	}
	return &Reader{r: r, limit: limit, buf: make([]byte, first)}
}

// Next is the next line without its end (LF or CR LF), and its number from 1; io.EOF after the last. The bytes stay as they are.
// A line that is too long is a *hub.RecordError; reading goes on behind it.
func (l *Reader) Next() ([]byte, int, error) {
	for {
		raw, err := l.cut()
		if err != nil {
			return nil, l.line, err
		}
		l.line++
		if l.line == 1 {
			raw = bytes.TrimPrefix(raw, byteOrderMark)
		}
		if n := len(raw); n > 0 && raw[n-1] == '\r' {
			raw = raw[:n-1]
		}
		if len(raw) > l.limit {
			return nil, l.line, &hub.RecordError{Raw: raw, SyntaxError: doc.SyntaxError{Code: "too_large", Line: l.line, Col: 1,
				Detail: fmt.Sprintf("the line is larger than %d bytes", l.limit)}}
		}
		if len(raw) > 0 && (raw[0] > ' ' || len(bytes.TrimSpace(raw)) > 0) {
			return raw[:len(raw):len(raw)], l.line, nil
		}
	}
}

// cut takes the next line, without its LF. Of a line that is too long only the beginning is kept.
func (l *Reader) cut() ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.seen:l.end], '\n'); i >= 0 {
			raw := l.buf[l.start : l.seen+i]
			l.start = l.seen + i + 1
			l.seen = l.start
			return raw, nil
		}
		l.seen = l.end
		switch {
		case l.err != nil && (l.err != io.EOF || l.start == l.end):
			return nil, l.err
		case l.err != nil:
			raw := l.buf[l.start:l.end]
			l.start = l.end
			return raw, nil
		case l.end-l.start > l.limit+1: // one more for CR
			return l.skip()
		}
		l.fill()
	}
}

// fill reads on, into a new block when this one is full.
func (l *Reader) fill() {
	if l.end == len(l.buf) {
		rest := l.buf[l.start:l.end]
		next := make([]byte, max(block, 2*len(rest)))
		l.end = copy(next, rest)
		l.buf, l.start, l.seen = next, 0, l.end
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
}

// skip drops a line that is too long; what it returns is its beginning, longer than the limit.
func (l *Reader) skip() ([]byte, error) {
	head := bytes.Clone(l.buf[l.start : l.start+l.limit+2])
	head[len(head)-1] = '.' // not CR
	scratch := make([]byte, block)
	for {
		n, err := l.r.Read(scratch)
		i := bytes.IndexByte(scratch[:n], '\n')
		if i < 0 && err == nil {
			continue
		}
		l.buf, l.start, l.seen, l.end, l.err = scratch, i+1, i+1, n, err
		if i < 0 {
			l.start, l.seen = n, n
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		return head, nil
	}
}

// Records gives each line that is not blank as a record. What read says is wrong with a line, as a *doc.SyntaxError, refuses that line.
func Records(r io.Reader, limit int, read func(line []byte) (hub.Body, error)) hub.RecordReader {
	in := NewReader(r, limit)
	return func() (hub.Body, int, error) {
		raw, line, err := in.Next()
		if err != nil {
			return hub.Body{}, line, err
		}
		body, err := read(raw)
		if bad, ok := err.(*doc.SyntaxError); ok {
			refused := &hub.RecordError{SyntaxError: *bad, Raw: raw}
			refused.Line += line - 1
			err = refused
		}
		return body, line, err
	}
}

// Append is what a body has as lines behind others.
func Append(b hub.Body, _ bool) ([]byte, error) {
	raw, err := b.Encode()
	if !bytes.HasSuffix(raw, []byte("\n")) {
		raw = append(raw[:len(raw):len(raw)], '\n') // a copy: others read b
	}
	return raw, err
}

// List reads all records into one list. One that is refused refuses the list.
func List(next hub.RecordReader) (doc.Value, error) {
	var b doc.Builder
	b.BeginArray()
	for {
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
		v, err := body.Doc()
		if err != nil {
			return doc.Value{}, err
		}
		b.Value(v)
	}
}

// Rows visits the records that a document is written as: the elements of a list, and any other as the only one.
func Rows(v doc.Value) iter.Seq2[int, doc.Value] {
	if v.Kind() == doc.Array {
		return v.Elems()
	}
	return func(yield func(int, doc.Value) bool) { yield(0, v) }
}
