package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"orderhub/hub"
)

// Parser makes the reader that splits a file into records. options hold max_record (bytes), delimiter, header (names joined by ","),
// no_header ("true") and encoding, those that are given. The parser reads r as it goes: memory must not grow with the file.
type Parser func(r io.Reader, options map[string]string) RecordReader

// RecordReader gives the records of a file, one after another. line is where the record begins, from 1. The error is io.EOF after the last
// record. An error with the method Record() bool that says true refuses one record: reading goes on, line tells which. (Its Code() string,
// if it has that method, is the reason; Raw() []byte is the
// record as it came, or its beginning.) Any other error refuses the rest of the file. The body must not change after Next returned.
type RecordReader interface {
	Next() (body hub.Body, line int, err error)
}

// recordError refuses one record.
type recordError struct {
	code, detail string
	raw          []byte
}

func (e *recordError) Error() string { return e.detail }
func (e *recordError) Record() bool  { return true }
func (e *recordError) Code() string  { return e.code }
func (e *recordError) Raw() []byte   { return e.raw }

func isRecordError(err error) bool {
	var r interface{ Record() bool }
	return errors.As(err, &r) && r.Record()
}

// reasonOf is the machine-readable code of a refusal.
func reasonOf(err error) string {
	var c interface{ Code() string }
	if errors.As(err, &c) && c.Code() != "" {
		return c.Code()
	}
	if e, ok := errors.AsType[*hub.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return "bad_record"
}

func (c *Config) options() map[string]string {
	o := map[string]string{"max_record": strconv.FormatInt(c.MaxRecord, 10)}
	for name, value := range map[string]string{
		"delimiter": c.CSV.Delimiter, "header": strings.Join(c.CSV.Header, ","), "encoding": c.CSV.Encoding,
	} {
		if value != "" {
			o[name] = value
		}
	}
	if c.CSV.NoHeader {
		o["no_header"] = "true"
	}
	return o
}

func maxRecord(options map[string]string) int {
	n, err := strconv.Atoi(options["max_record"])
	if err != nil || n < 1 {
		return 1 << 20
	}
	return n
}

func tooLarge(what string, limit int, raw []byte) error {
	return &recordError{"too_large", fmt.Sprintf("the %s is larger than %d bytes (max_record)", what, limit), raw}
}

// sized is a reader that knows how much is left, to reserve no more than that.
type sized interface{ Len() int }

// wholeFile gives the file as its only record.
func wholeFile(r io.Reader, options map[string]string) RecordReader {
	return &wholeReader{r: r, max: maxRecord(options)}
}

type wholeReader struct {
	r    io.Reader
	max  int
	done bool
}

func (w *wholeReader) Next() (hub.Body, int, error) {
	if w.done {
		return hub.Body{}, 1, io.EOF
	}
	w.done = true
	if s, ok := w.r.(sized); ok {
		if s.Len() > w.max {
			return hub.Body{}, 1, tooLarge("file", w.max, nil)
		}
		raw := make([]byte, s.Len())
		if _, err := io.ReadFull(w.r, raw); err != nil {
			return hub.Body{}, 1, err
		}
		return hub.NewBody(raw), 1, nil
	}
	raw, err := io.ReadAll(io.LimitReader(w.r, int64(w.max)+1))
	switch {
	case err != nil:
		return hub.Body{}, 1, err
	case len(raw) > w.max:
		return hub.Body{}, 1, tooLarge("file", w.max, raw)
	}
	return hub.NewBody(raw), 1, nil
}

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
