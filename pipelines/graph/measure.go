package graph

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// oneLine folds white space and control characters to single spaces and repairs bad UTF-8.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// columns is how many terminal cells s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

func cells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case slices.Contains([]width.Kind{width.EastAsianWide, width.EastAsianFullwidth}, width.LookupRune(r).Kind()):
		return 2
	}
	return 1
}

// clip shortens s to at most max terminal cells; what is left out becomes "…".
func clip(s string, max int) string {
	if columns(s) <= max {
		return s
	}
	n := 0
	for i, r := range s {
		if n+cells(r) > max-1 {
			return s[:i] + "…"
		}
		n += cells(r)
	}
	return s
}

// em is the width of s in a sans-serif font of size 1, on the generous side: fonts differ from reader to reader.
func em(s string) float64 {
	n := 0
	for _, r := range s {
		switch {
		case r >= utf8.RuneSelf:
			n += 62 * max(cells(r), 0)
		case strings.ContainsRune("ijl.,:;|'!", r):
			n += 32
		case strings.ContainsRune("ftr()[]{}/ -", r):
			n += 42
		case strings.ContainsRune("mwMW@%", r):
			n += 96
		case r >= 'A' && r <= 'Z':
			n += 72
		default:
			n += 63
		}
	}
	return float64(n) / 100
}
