package formula

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// patternBuiltins look into texts by regular expressions, and fill them up.
func patternBuiltins() []builtin {
	return []builtin{
		{name: "captures", params: []set{strs, strs}, pattern: 1, result: shape.OrNull(shape.ArrayOf(shape.StringType)), do: captures},
		{name: "replaceMatches", params: []set{strs, strs, strs}, pattern: 1, result: shape.StringType, do: replaceMatches},
		{name: "padLeft", params: []set{strs, nums, strs}, optional: 1, result: shape.StringType, do: pad(func(text, fill string) string { return fill + text })},
		{name: "padRight", params: []set{strs, nums, strs}, optional: 1, result: shape.StringType, do: pad(func(text, fill string) string { return text + fill })},
	}
}

// regexp compiles a pattern, which must be a constant.
func (c *compiler) regexp(n *node) (re *regexp.Regexp, size int, ok bool) {
	if !n.konst {
		c.fault(n.place, "use contains, startsWith or endsWith for texts of a message", "the pattern must be a constant")
		return nil, 0, false
	}
	re, size, fault := pattern(n.v.Str())
	if fault != "" {
		c.fault(n.place, "the syntax is RE2: github.com/google/re2/wiki/Syntax", "%s", fault)
		return nil, 0, false
	}
	return re, size, true
}

// searched is argument 0, paid for: the pattern is looked for in it.
func (s *site) searched(fr *Frame) string {
	text := s.str(fr, 0)
	s.within(fr, fr.spend(1+len(text)*s.insts/128))
	return text
}

// captures is the first match and what its groups hold; null if there is none.
func captures(s *site, fr *Frame) doc.Value {
	found := s.re.FindStringSubmatch(s.searched(fr))
	if found == nil {
		return doc.NullValue()
	}
	out := make([]doc.Value, len(found))
	for i, text := range found {
		s.within(fr, fr.take(valueSize+len(text)))
		out[i] = doc.StringValue(text)
	}
	return doc.ListOf(out)
}

// replaceMatches puts a text in the place of each match; $1 and ${name} in it are what groups hold.
func replaceMatches(s *site, fr *Frame) doc.Value {
	text, with := s.searched(fr), s.str(fr, 2)
	var out []byte
	at := 0
	for _, m := range s.re.FindAllStringSubmatchIndex(text, -1) {
		before := len(out)
		out = append(out, text[at:m[0]]...)
		out = s.re.ExpandString(out, with, text, m)
		s.within(fr, fr.spend(1) && fr.take(len(out)-before))
		at = m[1]
	}
	s.within(fr, fr.take(len(text)-at))
	return doc.StringValue(string(append(out, text[at:]...)))
}

// pad fills a text to so many characters. A longer one stays as it is.
func pad(join func(text, fill string) string) func(*site, *Frame) doc.Value {
	return func(s *site, fr *Frame) doc.Value {
		text, n, fill := s.str(fr, 0), s.size(fr, 1), " "
		if len(s.args) > 2 {
			fill = s.str(fr, 2)
		}
		if utf8.RuneCountInString(fill) != 1 {
			panic(s.args[2].fail("a text is filled with one character, not with %q", cut(fill)))
		}
		n -= utf8.RuneCountInString(text)
		s.within(fr, fr.takeTimes(max(0, n), len(fill)))
		return s.built(fr, join(text, strings.Repeat(fill, max(0, n))))
	}
}

const maxPattern = 1000 // bytes of a regular expression

// matches compiles text matches "pattern"; the pattern is constant, in RE2's syntax.
func (c *compiler) matches(a, b *node, p place) *node {
	if !c.both(a, b, strs) {
		return broken(p)
	}
	re, size, ok := c.regexp(b)
	if !ok {
		return broken(p)
	}
	return c.fold(newCond(p, func(fr *Frame) bool {
		s := a.of(fr, strs).Str()
		p.within(fr, fr.spend(1+len(s)*size/128))
		return re.MatchString(s)
	}), a)
}

// pattern compiles a regular expression, and tells how many instructions each byte of text may cost.
func pattern(s string) (re *regexp.Regexp, size int, fault string) {
	if len(s) > maxPattern {
		return nil, 0, "the pattern is longer than 1000 bytes"
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, 0, "bad pattern: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	if parsed, err := syntax.Parse(s, syntax.Perl); err == nil {
		if prog, err := syntax.Compile(parsed.Simplify()); err == nil {
			size = len(prog.Inst)
		}
	}
	return re, size, ""
}
