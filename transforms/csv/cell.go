package csv

import (
	"errors"
	"strings"
)

var errNUL = errors.New("a NUL byte cannot be written as CSV")

// cell appends the text of column i. Numbers of ours are never formulas: they are written as they are.
func (w *Writer) cell(i int, text string, isText bool) error {
	if i > 0 {
		w.row = append(w.row, w.delim)
	}
	if isText && w.options.ForSpreadsheet && runs(text) {
		text = "'" + text
	} else if strings.IndexByte(text, 0) >= 0 {
		return errNUL
	}
	if !w.needsQuotes(text) {
		w.row = append(w.row, text...)
		return nil
	}
	w.row = append(w.row, '"')
	for {
		at := strings.IndexByte(text, '"')
		if at < 0 {
			break
		}
		w.row = append(w.row, text[:at]...)
		w.row = append(w.row, '"', '"')
		text = text[at+1:]
	}
	w.row = append(append(w.row, text...), '"')
	return nil
}

// runs reports whether a spreadsheet may take the text as a formula. The wide forms are the same to some of them.
func runs(text string) bool {
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

func (w *Writer) needsQuotes(text string) bool {
	for k := range len(text) {
		if c := text[k]; c == w.delim || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return text != "" && (text[0] <= ' ' || text[len(text)-1] <= ' ' || strings.HasPrefix(text, "\uFEFF"))
}
