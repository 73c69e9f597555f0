package xml

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	nsXML      = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS    = "http://www.w3.org/2000/xmlns/"
	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
)

// space is a namespace with the prefix that names of fields have for it.
type space struct{ prefix, uri string }

// builtIn are the namespaces that have a prefix without being configured.
func builtIn(c *Config) []space {
	all := []space{{"xsi", nsInstance}}
	if s := soapOf(c); s != nil {
		all = append(all, space{"soap", s.uri})
	}
	return all
}

// spacesOf are the namespaces of a Config and those that are built in, unless it has a prefix of its own for them.
func spacesOf(c *Config) (all []space) {
	for prefix, uri := range c.Namespaces {
		all = append(all, space{prefix, uri})
	}
	for _, s := range builtIn(c) {
		if !slices.ContainsFunc(all, func(own space) bool { return own.uri == s.uri }) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b space) int { return cmp.Compare(a.prefix, b.prefix) })
	return all
}

// prefixOf returns the prefix of a namespace that is among the spaces.
func prefixOf(spaces []space, uri string) string {
	return spaces[slices.IndexFunc(spaces, func(s space) bool { return s.uri == uri })].prefix
}

// What a byte may be. Those from 0x80 on are parts of characters, which
// validName and checkText look at.
const (
	inName  = 1 << iota // a part of a name
	isSpace             // white space
	isText              // itself, in text
	isValue             // itself, in the value of an attribute
	isLegal             // allowed at all
)

var class = func() (table [256]uint8) {
	for i := range table {
		c := byte(i)
		switch {
		case c >= utf8.RuneSelf:
			table[i] = inName | isText | isValue | isLegal
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			table[i] = isSpace | isLegal
		case c > ' ':
			table[i] = isText | isValue | isLegal
		}
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:", c) >= 0 {
			table[i] |= inName
		}
	}
	table[' '] |= isText | isValue
	table['\t'] |= isText
	table['\n'] |= isText
	table['\r'] |= isText
	for _, c := range "<&]" {
		table[c] &^= isText
	}
	for _, c := range "<&\"'" {
		table[c] &^= isValue
	}
	table[0xEF] &^= isText | isValue | isLegal // begins U+FFFD, U+FFFE and U+FFFF
	return table
}()

// nameRanges are the characters beyond ASCII that a name may begin with (XML
// 1.0, production 4), and those that may only follow.
var nameRanges = [...][2]rune{{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D}, {0x2070, 0x218F},
	{0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
	{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}

const nameFollows = len(nameRanges) - 3

// validName reports whether s is a name of an element or attribute, with one prefix at most.
func validName(s string) bool {
	prefix, local, prefixed := strings.Cut(s, ":")
	return validPart(prefix) && (!prefixed || validPart(local))
}

// validPrefix reports whether s can be a prefix of ours.
func validPrefix(s string) bool { return validPart(s) && !strings.HasPrefix(strings.ToLower(s), "xml") }

// validPart reports whether s is a name without a colon.
func validPart(s string) bool {
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if class[r]&inName == 0 || r == ':' || i == 0 && (r == '-' || r == '.' || r >= '0' && r <= '9') {
				return false
			}
		case r == utf8.RuneError:
			return false
		default:
			at := slices.IndexFunc(nameRanges[:], func(in [2]rune) bool { return r >= in[0] && r <= in[1] })
			if at < 0 || i == 0 && at >= nameFollows {
				return false
			}
		}
	}
	return s != ""
}

// legal reports whether XML can have the character at all.
func legal(r rune) bool {
	return r >= ' ' && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}
