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

// scanner finds the fields of one record.
type scanner struct {
	in     *input
	delim  byte
	limit  int // bytes of a record
	fields []field
	count  int  // fields, stored or not
	quoted bool // a field of the record is quoted
}

// record scans the record at the start of the window, and returns its length with the line end. With a fault the length is what was seen of it.
func (s *scanner) record() (n int, f *fault) {
	s.fields, s.count, s.quoted = s.fields[:0], 0, false
	for i := 0; ; {
		var end int
		if s.in.have(i) && s.in.at(i) == '"' {
			s.quoted = true
			end, f = s.quotedField(i)
		} else {
			end, f = s.bareField(i)
		}
		if f != nil {
			return end, f
		}
		if end > s.limit {
			return end, &fault{code: CodeTooLarge, detail: fmt.Sprintf("the record is larger than %d bytes", s.limit), long: true}
		}
		if !s.in.have(end) {
			return end, nil
		}
		if s.in.at(end) != s.delim {
			return s.lineEnd(end), nil
		}
		i = end + 1
	}
}

// lineEnd returns the offset behind the line end at i.
func (s *scanner) lineEnd(i int) int {
	if s.in.at(i) == '\r' && s.in.have(i+1) && s.in.at(i+1) == '\n' {
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
func (s *scanner) bareField(i int) (int, *fault) {
	start := i
	for s.in.have(i) {
		window := s.in.rest(i)
		for k, c := range window {
			if c == s.delim || c == '\n' || c == '\r' {
				if i+k-start > MaxField {
					return i + k, tooLong(start)
				}
				s.add(field{from: start, to: i + k})
				return i + k, nil
			}
			if c == '"' {
				return i + k, bad(i+k, "a quote inside a field without quotes")
			}
		}
		i += len(window)
		if i-start > MaxField {
			return i, tooLong(start)
		}
	}
	s.add(field{from: start, to: i})
	return i, nil
}

// quotedField scans a field that starts with a quote at i; it ends behind its closing quote.
func (s *scanner) quotedField(i int) (int, *fault) {
	open, escaped := i, false
	for i++; ; {
		at := -1
		if s.in.have(i) {
			at = bytes.IndexByte(s.in.rest(i), '"')
		}
		if at < 0 {
			i += len(s.in.rest(i))
			if i-open > MaxField {
				return i, tooLong(open)
			}
			if !s.in.have(i) {
				return i, bad(open, "the quote that opens here is never closed")
			}
			continue
		}
		i += at
		switch {
		case i-open > MaxField:
			return i, tooLong(open)
		case s.in.have(i+1) && s.in.at(i+1) == '"':
			escaped = true
			i += 2
			continue
		case s.in.have(i+1) && !s.ends(s.in.at(i+1)):
			return i + 1, bad(i+1, "text after the closing quote: expected %q or the end of the line", s.delim)
		}
		s.add(field{open + 1, i, escaped})
		return i + 1, nil
	}
}

func (s *scanner) ends(c byte) bool { return c == s.delim || c == '\n' || c == '\r' }

func tooLong(at int) *fault {
	return &fault{at: at, code: CodeFieldTooLong, detail: fmt.Sprintf("a field is longer than %d bytes", MaxField), long: true}
}

// After a fault the reader must find the next record.
//
// A quote that is wrong says nothing about the lines behind it, so such a record ends with its first line: most often the quote was never meant
// to span lines, and the other records go on. A field or record that is too long is dropped to its true end, quotes included: otherwise the
// lines inside one long text would be read as rows, which whoever writes that text could use to slip rows in.

// dropped is what was dropped of the stream.
type dropped struct {
	raw   []byte // its start, maxRaw bytes at most
	lines int
	open  bool // the stream ended inside quotes
}

type dropState uint8

const (
	atStart dropState = iota // of a field
	inBare
	inQuotes
	afterQuote // a closing quote, or the first of two
)

// drop moves behind the record at the start of the window, without keeping it in memory: behind its first line, or with quotes behind the line
// end that is in no quotes.
func (s *scanner) drop(quotes bool) dropped {
	var d dropped
	state, last := atStart, byte(0)
	for s.in.have(0) {
		chunk := s.in.rest(0)
		end := slices.IndexFunc(chunk, func(c byte) bool {
			if c == '\r' || c == '\n' && last != '\r' {
				d.lines++
			}
			last = c
			if quotes {
				state = state.next(c, s.delim)
			}
			return (c == '\n' || c == '\r') && state != inQuotes
		})
		if end >= 0 {
			d.take(s.in, s.lineEnd(end))
			return d
		}
		d.take(s.in, len(chunk))
	}
	d.open = state == inQuotes
	return d
}

func (d *dropped) take(in *input, n int) {
	raw := in.take(n)
	d.raw = append(d.raw, raw[:min(n, maxRaw-len(d.raw))]...)
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
