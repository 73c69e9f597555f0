package hub

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clip is the beginning of text, at most so many bytes, without a part of a character at its end.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

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
	clean := func(r rune) bool { return r != utf8.RuneError && (!steers(r) || keep(r)) }
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
			const hex = "0123456789abcdef"
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hex[r>>shift&15])
			}
		}
	}
	return b.String()
}

// steers tells that r is not seen, but changes what is: control characters, line
// and paragraph separators, and the invisible ones that turn or split a text. The
// joiners that scripts and emoji need are none.
func steers(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	switch {
	case r < 0x7f:
		return r < ' '
	case r == nonJoiner, r == joiner, r > 0xffff:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
