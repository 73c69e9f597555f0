package yamlfile

import (
	"regexp"
	"strings"
)

// inURL finds a password in a URL, and byName one behind its name. A field that is misspelt, and a file that can't be
// read, tell nobody what is a secret in them: what looks like one is not printed.
var (
	inURL  = regexp.MustCompile(`(://[^\s"'/?#:@]*:)([^\s"'{}]+)@`)
	byName = regexp.MustCompile(`(?i)((?:pass?w(?:or)?d|pwd|bearer|authorization)["']?\s*:\s*["']?(?:(?:bearer|basic)\s+)?)([^\s"',{}$]+)`)
	port   = regexp.MustCompile(`^[0-9]+(/|$)`)
)

// conceal writes * for each character of what looks like a password in a line of a file.
func conceal(line string) string {
	return byName.ReplaceAllStringFunc(concealURLs(line), func(found string) string {
		m := byName.FindStringSubmatch(found)
		if strings.HasPrefix(m[2], secretPrefix) {
			return found
		}
		return m[1] + stars(m[2])
	})
}

// concealURLs writes * for each character of the passwords of URLs in s.
func concealURLs(s string) string {
	return inURL.ReplaceAllStringFunc(s, func(found string) string {
		m := inURL.FindStringSubmatch(found)
		if port.MatchString(m[2]) {
			return found
		}
		return m[1] + stars(m[2]) + "@"
	})
}

// stars is as wide as s, so that what stands behind it stays in its column.
func stars(s string) string { return strings.Repeat("*", len([]rune(s))) }
