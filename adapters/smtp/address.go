package smtp

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"orderhub/hub"
)

// unsafe tells whether a text may not stand in a header or command: it holds a line break or another control character.
func unsafe(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085'
	})
}

// injection is the error for an unsafe text.
func injection(what, text string) error {
	return hub.Fail(hub.Rejected, "header_injection", "%s holds a line break or control character: %s", what, quoted(text))
}

// quoted is a text of others for an error message.
func quoted(text string) string {
	if r := []rune(text); len(r) > 100 {
		return fmt.Sprintf("%q...", string(r[:100]))
	}
	return fmt.Sprintf("%q", text)
}

// parseList reads addresses separated by commas. The error names the one that is wrong.
func parseList(what, list string) ([]*mail.Address, error) {
	if unsafe(list) {
		return nil, injection(what, list)
	}
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	parsed, err := mail.ParseAddressList(list)
	if err != nil {
		return nil, badAddress(what, wrongOne(list), err)
	}
	for _, a := range parsed {
		if unsafe(a.Name) || unsafe(a.Address) { // it was hidden by an encoding
			return nil, injection(what, a.Name+" "+a.Address)
		}
		ascii, err := asciiDomain(a.Address)
		if err != nil {
			return nil, badAddress(what, a.Address, err)
		}
		a.Address = ascii
	}
	return parsed, nil
}

func badAddress(what, text string, err error) error {
	return hub.Fail(hub.Rejected, "bad_address", "%s: %s is no mail address: %s", what, quoted(text), strings.TrimPrefix(err.Error(), "mail: "))
}

// wrongOne finds the part of a list that can't be read; the whole list if its parts are fine.
func wrongOne(list string) string {
	for part := range strings.SplitSeq(list, ",") {
		if _, err := mail.ParseAddress(part); err != nil {
			return strings.TrimSpace(part)
		}
	}
	return list
}

// asciiDomain gives the domain of an address its ASCII form (punycode).
func asciiDomain(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	local, domain := address[:at], address[at+1:]
	if len(local) > 64 {
		return "", fmt.Errorf("the part before the @ has more than 64 bytes")
	}
	if strings.HasPrefix(domain, "[") {
		return address, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", err
	}
	if len(ascii) > 253 || ascii == "" {
		return "", fmt.Errorf("the domain is empty or too long")
	}
	return local + "@" + ascii, nil
}

// ascii tells whether an address can be sent to a server without SMTPUTF8.
func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// path is an address as a command of SMTP has it.
func path(address string) string { return (&mail.Address{Address: address}).String() }

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
