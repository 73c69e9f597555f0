package files

import (
	"bytes"
	"io"

	"orderhub/hub"
)

const blockSize = 256 << 10

// eachLine gives every line that is not blank. It serves lines and ndjson: what a line means is decoded later, once.
func eachLine(r io.Reader, options map[string]string) RecordReader {
	first := blockSize
	if s, ok := r.(sized); ok {
		first = max(1, min(first, s.Len()))
	}
	return &lineReader{r: r, max: maxRecord(options), buf: make([]byte, first)}
}

// lineReader cuts lines out of blocks. The bodies it gives are parts of a block, so a block is never written again where it was given out.
type lineReader struct {
	r          io.Reader
	max        int
	buf        []byte
	start, end int // the part of buf that is read and not given
	seen       int // no line ends in buf[start:seen]
	line       int
	err        error // of the last read
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func (l *lineReader) Next() (hub.Body, int, error) {
	for {
		raw, err := l.cut()
		if err != nil {
			return hub.Body{}, l.line, err
		}
		l.line++
		if l.line == 1 {
			raw = bytes.TrimPrefix(raw, byteOrderMark)
		}
		if n := len(raw); n > 0 && raw[n-1] == '\r' {
			raw = raw[:n-1]
		}
		if len(raw) > l.max {
			return hub.Body{}, l.line, tooLarge("line", l.max, raw)
		}
		if len(raw) > 0 && (raw[0] > ' ' || len(bytes.TrimSpace(raw)) > 0) {
			return hub.NewBody(raw[:len(raw):len(raw)]), l.line, nil
		}
	}
}

// cut takes the next line, without its LF. Of a line that is too long only the beginning is kept.
func (l *lineReader) cut() ([]byte, error) {
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
		case l.end-l.start > l.max+1: // one more for CR
			return l.skip()
		}
		l.fill()
	}
}

// fill reads on, into a new block when this one is full.
func (l *lineReader) fill() {
	if l.end == len(l.buf) {
		rest := l.buf[l.start:l.end]
		next := make([]byte, max(blockSize, 2*len(rest)))
		l.end = copy(next, rest)
		l.buf, l.start, l.seen = next, 0, l.end
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
}

// skip drops a line that is too long; what it returns is its beginning, longer than max.
func (l *lineReader) skip() ([]byte, error) {
	head := bytes.Clone(l.buf[l.start : l.start+l.max+2])
	head[len(head)-1] = '.' // not CR
	scratch := make([]byte, blockSize)
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
