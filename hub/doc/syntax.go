package doc

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The codes of a refused document.
const (
	CodeBadJSON      = "bad_json"
	CodeTooDeep      = "json_too_deep"
	CodeTooComplex   = "json_too_complex"
	CodeDuplicateKey = "duplicate_key"
	CodeBadUTF8      = "bad_utf8"
	CodeEmptyBody    = "empty_body"
)

// SyntaxError is a refused document. Offset counts bytes from 0; Line and Col count from 1, Col in runes.
type SyntaxError struct {
	Code              string
	Offset, Line, Col int
	Detail            string
}

// Error says where and what, as in: line 3 column 14: duplicate key "amount".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d column %d: %s", e.Line, e.Col, e.Detail)
}

// Refuse is the error for the byte of src at offset. Positions are counted only here, so the scan does not pay for them.
func Refuse(src []byte, offset int, code, detail string) *SyntaxError {
	line, col := position(src, offset)
	return &SyntaxError{Code: code, Offset: offset, Line: line, Col: col, Detail: detail}
}

// Position returns where a parsed node starts in its document, as SyntaxError counts; zeros for a computed value.
func (v Value) Position() (line, col int) {
	if !v.isNode() {
		return 0, 0
	}
	t := v.tape()
	return position(t.src, int(t.nodes[v.n].start))
}

func position(src []byte, offset int) (line, col int) {
	before := src[:offset]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// found describes what stands at offset.
func found(src []byte, offset int) string {
	if offset >= len(src) {
		return "the end of the document"
	}
	if w := word(src[offset:]); len(w) > 1 {
		return w
	}
	r, size := utf8.DecodeRune(src[offset:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("the byte 0x%02X", src[offset])
	}
	if r == 0xFEFF {
		return "a byte order mark (BOM)"
	}
	return strconv.QuoteRune(r)
}

// word returns the letters that src starts with, 20 at most.
func word(src []byte) string {
	i := 0
	for i < len(src) && i < 20 && (src[i]|0x20 >= 'a' && src[i]|0x20 <= 'z') {
		i++
	}
	return string(src[:i])
}
