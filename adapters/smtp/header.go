package smtp

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

const (
	maxLine = 76 // of a header that holds encoded words (RFC 2047, 2)
	maxWord = 56 // so that the first word stands on the line of the header's name
)

// writeHeader writes a header of words. It is folded between them, and never before the first: a line with nothing but the name is
// legal, and taken for an empty header by some readers.
func writeHeader(b *bytes.Buffer, name string, words []string) {
	line := name + ":"
	for i, w := range words {
		if i > 0 && len(line)+1+len(w) > maxLine {
			b.WriteString(line + "\r\n")
			line = ""
		}
		line += " " + w
	}
	b.WriteString(line + "\r\n")
}

// textWords are the words of a text, encoded where they must be.
func textWords(text string) []string {
	words := strings.Split(text, " ")
	if !ascii(text) || strings.Contains(text, "=?") || slices.ContainsFunc(words, func(w string) bool { return w == "" || len(w) > maxWord }) {
		return encodedWords(text)
	}
	return words
}

// addressWords are the words of a list of addresses.
func addressWords(list []*mail.Address) (out []string) {
	for i, a := range list {
		words := strings.Split(a.String(), " ")
		if !ascii(a.Name) || slices.ContainsFunc(words[:len(words)-1], func(w string) bool { return len(w) > maxWord }) {
			words = append(encodedWords(a.Name), path(a.Address))
		}
		if i < len(list)-1 {
			words[len(words)-1] += ","
		}
		out = append(out, words...)
	}
	return out
}

// encodedWords writes a text in encoded words (RFC 2047) of at most maxWord bytes, none of which ends within a character.
func encodedWords(text string) (words []string) {
	const head, tail = "=?UTF-8?q?", "?="
	word := head
	for _, r := range text {
		one := ""
		for _, c := range []byte(string(r)) {
			switch {
			case c == ' ':
				one += "_"
			case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
				one += string(rune(c))
			default:
				one += fmt.Sprintf("=%02X", c)
			}
		}
		if len(word)+len(one)+len(tail) > maxWord {
			words, word = append(words, word+tail), head
		}
		word += one
	}
	return append(words, word+tail)
}
