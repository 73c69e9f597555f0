package csv

import (
	"fmt"
	"unicode/utf8"
)

// The codes of a refused record.
const (
	CodeBadCSV       = "bad_csv"
	CodeHeader       = "csv_header" // the file is refused: Next returns io.EOF after it
	CodeFieldTooLong = "csv_field_too_long"
)

// RowError is a record that was refused. Lines and columns count from 1, Col in characters.
type RowError struct {
	Record    int // line on which the record starts
	Line, Col int // where the fault is
	Code      string
	Detail    string
	Raw       []byte // the record as it was read, 64 KiB at most
}

// Error says where and what, as in: record on line 2; line 3 column 2: text after a closing quote.
func (e *RowError) Error() string {
	at := fmt.Sprintf("line %d column %d: %s", e.Line, e.Col, e.Detail)
	if e.Record != e.Line {
		return fmt.Sprintf("record on line %d; %s", e.Record, at)
	}
	return at
}

const maxRaw = 64 << 10

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
func refuse(raw []byte, line int, f *fault) *RowError {
	e := &RowError{Record: line, Line: line, Col: 1, Code: f.code, Detail: f.detail}
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

// lines counts the line ends.
func lines(b []byte) int {
	n := 0
	for i := range b {
		if b[i] <= '\r' && endsLine(b, i) {
			n++
		}
	}
	return n
}
