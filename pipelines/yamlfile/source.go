package yamlfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

const maxSize = 4 << 20 // bytes of one file

// source is the text of one file, for carets and for positions inside scalars.
type source struct {
	name  string
	text  []byte   // without the byte order mark
	lines []string // without their ends
	runes map[int][]rune
}

func newSource(name string, text []byte) *source {
	s := &source{name: name, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	s.lines = strings.Split(string(s.text), "\n")
	for i, l := range s.lines {
		s.lines[i] = strings.TrimSuffix(l, "\r")
	}
	return s
}

// line gives line n, from 1, as runes; nil outside the file.
func (s *source) line(n int) []rune {
	if n < 1 || n > len(s.lines) {
		return nil
	}
	if r, ok := s.runes[n]; ok {
		return r
	}
	if s.runes == nil {
		s.runes = map[int][]rune{}
	}
	r := []rune(s.lines[n-1])
	s.runes[n] = r
	return r
}

// checkText refuses what is no plain UTF-8 text. Every bad place is reported, up to ten.
func (l *Loader) checkText(s *source) bool {
	if len(s.text) > 1 && (s.text[0] == 0xff && s.text[1] == 0xfe || s.text[0] == 0xfe && s.text[1] == 0xff) {
		l.problem(s, 1, 1, 1, "E008", "save the file as UTF-8", "the file is UTF-16, not UTF-8")
		return false
	}
	line, col, bad := 1, 1, 0
	for i := 0; i < len(s.text) && bad < 10; {
		r, size := utf8.DecodeRune(s.text[i:])
		what, help := textFault(r, size, s.text[i:])
		if what != "" {
			bad++
			l.problem(s, line, col, 1, "E008", help, "%s", what)
		}
		i, col = i+size, col+1
		if r == '\n' {
			line, col = line+1, 1
		}
	}
	return bad == 0
}

func textFault(r rune, size int, rest []byte) (what, help string) {
	switch {
	case r >= 0x20 && r <= 0x7e, r == '\n', r == '\t':
		return "", ""
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02X is not UTF-8 text", rest[0]), "save the file as UTF-8"
	case r == '\r' && len(rest) > 1 && rest[1] == '\n':
		return "", ""
	case r == '\r':
		return "a carriage return without a line feed", "save the file with Unix line ends"
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return fmt.Sprintf("invisible line break %U", r), fmt.Sprintf("delete it, or write \"\\u%04X\" in double quotes", r)
	case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff || r == 0xfeff:
		return fmt.Sprintf("control character %U", r), fmt.Sprintf("delete it, or write \"\\u%04X\" in double quotes", r)
	}
	return "", ""
}
