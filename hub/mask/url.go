package mask

import (
	"net/url"
	"regexp"
	"strings"
)

// passwordParam finds the passwords in the query of a URL and in a connection
// string of keywords: sslpassword='…', password=….
var passwordParam = regexp.MustCompile(`(?i)((?:^|[?&;\s])[a-z_]*(?:password|passwd|pwd|secret|token|api_?key)\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&;]*)`)

// credentials splits a URL around its password. ok is false when it holds none.
// wide takes a password that holds a / or @ as it should not for what it is.
func credentials(text string, wide bool) (before, password, after string, ok bool) {
	begin := strings.Index(text, "://")
	if begin < 0 {
		return "", "", "", false
	}
	begin += len("://")
	rest := text[begin:]
	narrow := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		narrow = rest[:i]
	}
	_, err := url.Parse(text)
	at := strings.LastIndexByte(narrow, '@')
	if wide && (at >= 0 || err != nil) {
		at = strings.LastIndexByte(rest, '@')
	}
	if at < 0 {
		return "", "", "", false
	}
	user, password, ok := strings.Cut(rest[:at], ":")
	if !ok || password == "" {
		return "", "", "", false
	}
	return text[:begin+len(user)+1], password, rest[at:], true
}

// URL is a URL or connection string for people: *** stands for its passwords.
func URL(text string) string {
	if before, _, after, ok := credentials(text, true); ok {
		text = before + "***" + after
	}
	return passwordParam.ReplaceAllString(text, "${1}***")
}

// Passwords are the passwords in a URL or connection string, as they are and unescaped.
func Passwords(text string) []string {
	var out []string
	add := func(p string) {
		if p = strings.Trim(p, "'"); p != "" {
			out = append(out, p)
		}
		if plain, err := url.PathUnescape(p); err == nil && plain != p {
			out = append(out, plain)
		}
	}
	for _, wide := range []bool{false, true} {
		if _, password, _, ok := credentials(text, wide); ok {
			add(password)
		}
	}
	for _, found := range passwordParam.FindAllStringSubmatch(text, -1) {
		add(found[2])
	}
	return out
}
