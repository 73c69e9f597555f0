package csv

import (
	"bytes"
	"fmt"
	"slices"
)

// field is the span of a field in its record, without the quotes around it.
type field struct {
	from, to int
	escaped  bool // holds doubled quotes
}

// content is what the field of a record holds: of each pair of quotes one. scratch is written where that is not as it stands.
func (f field) content(raw []byte, scratch *[]byte) []byte {
	if !f.escaped {
		return raw[f.from:f.to]
	}
	out := (*scratch)[:0]
	for i := f.from; i < f.to; i++ {
		if raw[i] == '"' { // the scan made sure that quotes come in pairs
			i++
		}
		out = append(out, raw[i])
	}
	*scratch = out
	return out
}

// scanner finds the fields of one record.
type scanner struct {
	delim  byte
	stops  [256]bool // what may end a field without quotes, or can't be in it
	limit  int       // bytes of a record
	fields []field
	count  int  // fields, stored or not
	quoted bool // a field of the record is quoted
}

// by makes the byte the delimiter; quotes tells that cells may be in quotes.
func (s *scanner) by(delim byte, quotes bool) {
	s.delim, s.stops = delim, [256]bool{'\n': true, '\r': true, '"': quotes}
	s.stops[delim] = true
}

const more = -1 // the length of a record that goes on behind the bytes at hand

// record scans the record that b begins with, and returns its length with the line end, or more. With a fault the length is what was seen of it.
// last tells that nothing follows b.
func (s *scanner) record(b []byte, last bool) (n int, f *fault) {
	s.fields, s.count, s.quoted = s.fields[:0], 0, false
	for i := 0; ; {
		end := i
		if i < len(b) && b[i] == '"' && s.stops['"'] {
			s.quoted = true
			end, f = s.quotedField(b, i, last)
		} else {
			end, f = s.bareField(b, i, last)
		}
		switch {
		case f != nil || end == more:
			return end, f
		case end > s.limit:
			return end, &fault{code: CodeTooLarge, detail: fmt.Sprintf("the record is larger than %d bytes", s.limit), long: true}
		case end == len(b):
			return end, nil
		case b[end] != s.delim:
			return lineEnd(b, end, last), nil
		}
		i = end + 1
	}
}

// lineEnd returns the offset behind the line end at i, or more.
func lineEnd(b []byte, i int, last bool) int {
	switch {
	case b[i] == '\n':
		return i + 1
	case i+1 == len(b) && !last:
		return more
	case i+1 < len(b) && b[i+1] == '\n':
		return i + 2
	}
	return i + 1
}

func (s *scanner) add(f field) {
	s.count++
	if s.count <= MaxColumns+1 {
		s.fields = append(s.fields, f)
	}
}

// bareField scans a field without quotes; it ends before a delimiter, a line end or the end.
func (s *scanner) bareField(b []byte, i int, last bool) (int, *fault) {
	start := i
	for i < len(b) && !s.stops[b[i]] {
		i++
	}
	switch {
	case i-start > MaxField:
		return i, tooLong(start)
	case i == len(b) && !last:
		return more, nil
	case i < len(b) && b[i] == '"':
		return i, bad(i, "a quote inside a field without quotes")
	}
	s.add(field{from: start, to: i})
	return i, nil
}

// quotedField scans a field that starts with a quote at i; it ends behind its closing quote.
func (s *scanner) quotedField(b []byte, i int, last bool) (int, *fault) {
	open, escaped := i, false
	for i++; ; i += 2 {
		n := bytes.IndexByte(b[min(i, len(b)):], '"')
		closed := n >= 0
		if i += n; !closed {
			i = len(b)
		}
		follows := byte(0)
		if i+1 < len(b) {
			follows = b[i+1]
		}
		switch {
		case i-open > MaxField:
			return i, tooLong(open)
		case i+1 >= len(b) && !last:
			return more, nil
		case !closed:
			return i, bad(open, "the quote that opens here is never closed")
		case i+1 < len(b) && follows == '"':
			escaped = true
			continue
		case i+1 < len(b) && follows != s.delim && follows != '\n' && follows != '\r':
			return i + 1, bad(i+1, "text after the closing quote: expected %q or the end of the line", s.delim)
		}
		s.add(field{open + 1, i, escaped})
		return i + 1, nil
	}
}

func tooLong(at int) *fault {
	return &fault{at: at, code: CodeFieldTooLong, detail: fmt.Sprintf("a field is longer than %d bytes", MaxField), long: true}
}

// After a fault the reader must find the next record.
//
// A quote that is wrong says nothing about the lines behind it, so such a record ends with its first line: most often the quote was never meant
// to span lines, and the other records go on. A field or record that is too long is dropped to its true end, quotes included: otherwise the
// lines inside one long text would be read as rows, which whoever writes that text could use to slip rows in.

type dropState uint8

const (
	atStart dropState = iota // of a field
	inBare
	inQuotes
	afterQuote // a closing quote, or the first of two
)

// drop moves behind the record at hand, without keeping it in memory: behind its first line, or with quotes behind the line end that is in no
// quotes. It returns how the record begins, how many lines it had, and whether the stream ended inside quotes.
func (r *reader) drop(quotes bool) (raw []byte, lines int, open bool) {
	state, last := atStart, byte(0)
	take := func(n int) {
		raw = append(raw, r.buf[:min(n, maxRaw-len(raw))]...)
		r.buf = r.buf[n:]
	}
	for r.have(1) {
		end := slices.IndexFunc(r.buf, func(c byte) bool {
			if c == '\r' || c == '\n' && last != '\r' {
				lines++
			}
			last = c
			if quotes {
				state = state.next(c, r.scan.delim)
			}
			return (c == '\n' || c == '\r') && state != inQuotes
		})
		if end >= 0 {
			r.have(end + 2)
			take(lineEnd(r.buf, end, true))
			return raw, lines, false
		}
		take(len(r.buf))
	}
	return raw, lines, state == inQuotes
}

func (state dropState) next(c, delim byte) dropState {
	switch {
	case state == inQuotes && c != '"':
		return inQuotes
	case state == inQuotes:
		return afterQuote
	case c == '"' && state != inBare:
		return inQuotes
	case c == delim:
		return atStart
	}
	return inBare
}
