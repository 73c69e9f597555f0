package csv

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
		for k, c := range chunk {
			if c == '\r' || c == '\n' && last != '\r' {
				d.lines++
			}
			last = c
			if quotes {
				state = state.next(c, s.delim)
			}
			if (c == '\n' || c == '\r') && state != inQuotes {
				d.take(s.in, k+1)
				if c == '\r' && s.in.have(0) && s.in.at(0) == '\n' {
					d.take(s.in, 1)
				}
				return d
			}
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
