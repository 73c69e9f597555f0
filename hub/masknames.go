package hub

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Named masks what stands behind the names of marked fields in a text that is
// no document, such as broken JSON, XML, or a form of either kind: "token": "tok_1",
// <token>tok_1</token>, token=tok_1. Letters that are escaped (\u0074, %74) are written
// as they are. An object, a list or elements behind a name are masked to the text's end.
// What is masked already stays as it is.
func (m *Masker) Named(s string) string {
	now := m.masking()
	if now == nil || now.marks == nil {
		return s
	}
	find := now.named()
	if find == nil {
		return s
	}
	return find.ReplaceAllString(escapedWord.ReplaceAllStringFunc(s, unescape), "${1}${3}${5}[${2}${4}${6}]")
}

// escapedWord is a letter, a digit or a sign of names and addresses that JSON or a URL escaped.
var escapedWord = regexp.MustCompile(`(?i)(?:\\u00|%)(?:2[de]|3[0-9]|4[0-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])`)

func unescape(s string) string {
	b, _ := strconv.ParseUint(s[len(s)-2:], 16, 8) // two hexadecimal digits always can
	return string(rune(b))
}

// behindNames finds a marked name (group 2), up to its value (group 1), and the value; the same of an XML element
// (groups 4 and 3), and of a part of a multipart form (6 and 5); nil: no field is marked.
func (n *markNode) behindNames() *regexp.Regexp {
	names := map[string]bool{}
	n.names("", names)
	if len(names) == 0 {
		return nil
	}
	var quoted []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	const value = `\[[\w.:-]+\]|"(?:[^"\\]|\\.)*"?|[\[{].*|[^,;&}\]\s]*`
	all := strings.Join(quoted, "|")
	return regexp.MustCompile(`(?is)(["']?\b(` + all + `)\b["']?\s*[:=]\s*)(?:` + value + `)` +
		`|(<(?:[\w.-]+:)?(` + all + `)(?:\s[^<>]*)?>)(?:[^<]*(?:<!\[cdata\[.*?\]\]>[^<]*|<[^/!].*)?)` +
		`|(\bname="(` + all + `)"(?:\r?\n?[^\r\n]+)*\r?\n\r?\n)[^\r\n]*`)
}

// names collects the names of the marked fields: of a list, that of the field that holds it.
func (n *markNode) names(name string, into map[string]bool) {
	if n == nil {
		return
	}
	if n.marked && name != "" {
		into[name] = true
	}
	for step, c := range n.next {
		if step == "*" {
			step = name
		}
		c.names(step, into)
	}
}
