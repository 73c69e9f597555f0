package hub

import "unicode/utf8"

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
