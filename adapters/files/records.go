package files

import (
	"bytes"
	"fmt"
	"io"

	"orderhub/hub"
)

// Parser makes the reader that splits a file of size bytes into records. c says how; its limit MaxRecord is the parser's to keep. The
// parser reads r as it goes: memory must not grow with the file.
type Parser func(r io.Reader, size int64, c *Config) RecordReader

// RecordReader gives the records of a file, one after another. line is where the record begins, from 1. The error is io.EOF after the last
// record; a *RecordError refuses one record, and reading goes on; any other refuses the rest of the file. The body must not change after
// Next returned.
type RecordReader interface {
	Next() (body hub.Body, line int, err error)
}

// RecordError refuses a record.
type RecordError struct {
	Reason, Detail string
	Raw            []byte // the record as it came, or its beginning
	Rest           bool   // what stands behind it can't be read as records
}

func (e *RecordError) Error() string { return e.Detail }

// TooLarge refuses what is larger than max_record: a file, line or record.
func (c *Config) TooLarge(what string, raw []byte) error {
	return &RecordError{Reason: "too_large", Detail: fmt.Sprintf("the %s is larger than %d bytes (max_record)", what, c.MaxRecord), Raw: raw}
}

// wholeFile gives the file as its only record.
func wholeFile(r io.Reader, size int64, c *Config) RecordReader {
	return &wholeReader{r: r, size: size, cfg: c}
}

type wholeReader struct {
	r    io.Reader
	size int64
	cfg  *Config
	done bool
}

func (w *wholeReader) Next() (hub.Body, int, error) {
	if w.done {
		return hub.Body{}, 1, io.EOF
	}
	w.done = true
	if w.size > w.cfg.MaxRecord {
		return hub.Body{}, 1, w.cfg.TooLarge("file", nil)
	}
	raw := make([]byte, w.size)
	_, err := io.ReadFull(w.r, raw)
	return hub.NewBody(raw), 1, err
}

const blockSize = 256 << 10

// eachLine gives every line that is not blank. It serves lines and ndjson: what a line means is decoded later, once.
func eachLine(r io.Reader, size int64, c *Config) RecordReader {
	return &lineReader{r: r, cfg: c, max: int(c.MaxRecord), buf: make([]byte, max(1, min(blockSize, size)))}
}

// lineReader cuts lines out of blocks. The bodies it gives are parts of a block, so a block is never written again where it was given out.
type lineReader struct {
	r          io.Reader
	cfg        *Config
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
			return hub.Body{}, l.line, l.cfg.TooLarge("line", raw)
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
