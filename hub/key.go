package hub

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
