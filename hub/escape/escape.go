// Package escape writes texts so that they are safe where they stand: on a line
// of a terminal, in a path, or as parts of the key of a record.
package escape

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible is s safe for one line of a terminal, a log or a header: what would
// steer a terminal, break the line or turn the reading direction is shown as
// \u001b, a line break as \n, and bytes that are no UTF-8 as U+FFFD. In a text
// that is JSON they mean what they meant, since such characters stand within strings there.
func Visible(s string) string { return visible(s, func(rune) bool { return false }) }

// VisibleLines is Visible for a text of several lines, which may have tabs.
func VisibleLines(s string) string {
	return visible(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

func visible(s string, keep func(rune) bool) string {
	clean := func(r rune) bool { return r != utf8.RuneError && (!Steers(r) || keep(r)) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == utf8.RuneError || clean(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Steers tells that r is not seen, but changes what is: control characters, line
// and paragraph separators, and the invisible ones that turn or split a text. The
// joiners that scripts and emoji need are none.
func Steers(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	switch {
	case r < 0x7f:
		return r < ' '
	case r == nonJoiner, r == joiner, r > 0xffff:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

var keyEscapes, keyPlain = strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02"), strings.NewReplacer("\x01\x01", "\x00", "\x01\x02", "\x01")

// JoinKey makes one key of a record of its parts, so that no two lists of
// parts have the same key, whatever the parts hold. JoinKey(a, "") is the prefix of all keys that begin with a.
func JoinKey(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = keyEscapes.Replace(p)
	}
	return strings.Join(escaped, "\x00")
}

// SplitKey gives the parts of a key that JoinKey made.
func SplitKey(key string) []string {
	parts := strings.Split(key, "\x00")
	for i, p := range parts {
		parts[i] = keyPlain.Replace(p)
	}
	return parts
}

// Segments is Segment for each part of a path: the slashes between them stay.
func Segments(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = Segment(p)
	}
	return strings.Join(parts, "/")
}

// Segment writes a key so that it is one part of a path, one file name and one
// line of text, and no two keys alike: what could end it, or leave it, becomes
// %XX. Usual keys stay as they are.
func Segment(key string) string {
	var b strings.Builder
	for i, r := range key {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(key[i:])
		}
		edge := (r == '.' || r == ' ') && (i == 0 || i+size == len(key))
		if edge || r == '/' || r == '\\' || r == '%' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1 {
			for _, c := range []byte(key[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
