package formula

import (
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func textBuiltins() []builtin {
	return []builtin{
		ofText("lower", strings.ToLower),
		ofText("upper", strings.ToUpper),
		{name: "trim", params: []set{strs, strs}, optional: 1, result: shape.StringType, do: trim},
		ofTexts("trimPrefix", strings.TrimPrefix),
		ofTexts("trimSuffix", strings.TrimSuffix),
		testText("hasPrefix", strings.HasPrefix),
		testText("hasSuffix", strings.HasSuffix),
		findText("indexOf", strings.Index),
		findText("lastIndexOf", strings.LastIndex),
		{name: "split", params: []set{strs, strs}, result: shape.ArrayOf(shape.StringType), do: split},
		{name: "join", params: []set{arrs, strs}, optional: 1, result: shape.StringType, do: join},
		{name: "replace", params: []set{strs, strs, strs}, result: shape.StringType, do: replace},
		{name: "repeat", params: []set{strs, nums}, result: shape.StringType, do: repeat},
		{name: "normPhone", params: []set{strs, strs}, optional: 1, result: shape.StringType, do: normPhone},
	}
}

// ofText is a builtin from a string to a string.
func ofText(name string, do func(string) string) builtin {
	return builtin{name: name, params: []set{strs}, result: shape.StringType,
		do: func(s *site, fr *Frame) doc.Value { return s.built(fr, do(s.str(fr, 0))) }}
}

// ofTexts is a builtin from two strings to a string.
func ofTexts(name string, do func(a, b string) string) builtin {
	return builtin{name: name, params: []set{strs, strs}, result: shape.StringType,
		do: func(s *site, fr *Frame) doc.Value { return s.built(fr, do(s.str(fr, 0), s.str(fr, 1))) }}
}

// testText is a builtin from two strings to a bool.
func testText(name string, do func(a, b string) bool) builtin {
	return builtin{name: name, params: []set{strs, strs}, result: shape.BoolType,
		do: func(s *site, fr *Frame) doc.Value { return doc.BoolValue(do(s.str(fr, 0), s.str(fr, 1))) }}
}

// findText is a builtin from two strings to a place, counted in characters; -1: not there.
func findText(name string, do func(a, b string) int) builtin {
	return builtin{name: name, params: []set{strs, strs}, result: shape.NumberType, do: func(s *site, fr *Frame) doc.Value {
		text := s.str(fr, 0)
		i := do(text, s.str(fr, 1))
		if i > 0 {
			i = utf8.RuneCountInString(text[:i])
		}
		return doc.IntValue(int64(i))
	}}
}

// trim takes off white space, or the given characters.
func trim(s *site, fr *Frame) doc.Value {
	text := s.str(fr, 0)
	if len(s.args) == 1 {
		return s.built(fr, strings.TrimSpace(text))
	}
	return s.built(fr, strings.Trim(text, s.str(fr, 1)))
}

func split(s *site, fr *Frame) doc.Value {
	text, sep := s.str(fr, 0), s.str(fr, 1)
	n := len(text)
	if sep != "" {
		n = strings.Count(text, sep)
	}
	s.within(fr, fr.spend(n) && fr.take((n+1)*valueSize))
	parts := strings.Split(text, sep)
	out := make([]doc.Value, len(parts))
	for i, p := range parts {
		out[i] = doc.StringValue(p)
	}
	return doc.ListOf(out)
}

func join(s *site, fr *Frame) doc.Value {
	list, sep := s.arg(fr, 0), s.optional(fr, 1)
	var b strings.Builder
	for i, e := range list.Elems() {
		if e.Kind() != doc.String {
			err := s.args[0].wrong(fr, list, "an array of strings")
			err.Message = s.args[0].element(i).text() + " is " + article(e.Kind()) + ", not a string"
			err.Help = "use map(" + s.args[0].text() + ", string(#))"
			panic(err)
		}
		text := e.Str()
		s.within(fr, fr.spend(1) && fr.take(len(text)+len(sep)))
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(text)
	}
	return doc.StringValue(b.String())
}

func replace(s *site, fr *Frame) doc.Value {
	text, before, after := s.str(fr, 0), s.str(fr, 1), s.str(fr, 2)
	n := strings.Count(text, before)
	grow := max(0, len(after)-len(before))
	s.within(fr, fr.spend(n/16) && fr.takeTimes(n, grow) && fr.take(len(text)))
	return doc.StringValue(strings.ReplaceAll(text, before, after))
}

func repeat(s *site, fr *Frame) doc.Value {
	text, n := s.str(fr, 0), s.size(fr, 1)
	s.within(fr, fr.takeTimes(n, len(text)))
	return doc.StringValue(strings.Repeat(text, n))
}

// size evaluates argument i, which must be a whole number from 0 on.
func (s *site) size(fr *Frame, i int) int {
	v := s.arg(fr, i)
	n, ok := intOf(v)
	if !ok || n < 0 {
		panic(s.args[i].wrong(fr, v, "a whole number from 0 on"))
	}
	return n
}

// normPhone writes a phone number as +491711234567: without a country a number that starts with one 0 stays national.
func normPhone(s *site, fr *Frame) doc.Value {
	given, country := s.arg(fr, 0), s.optional(fr, 1)
	text := strings.Replace(strings.TrimSpace(given.Str()), "(0)", "", 1)
	digits := make([]byte, 0, 24)
	for i, r := range text {
		switch {
		case r >= '0' && r <= '9' || r == '+' && i == 0:
			digits = append(digits, byte(r))
		case !strings.ContainsRune(" -/().\u00a0", r) || len(digits) > 20:
			panic(s.args[0].wrong(fr, given, "a phone number"))
		}
	}
	number := string(digits)
	if strings.HasPrefix(number, "00") {
		number = "+" + number[2:]
	}
	if len(s.args) > 1 && strings.HasPrefix(number, "0") {
		number = "+" + strings.TrimPrefix(country, "+") + number[1:]
	}
	if len(strings.TrimPrefix(number, "+")) < 3 || len(number) > 20 {
		panic(s.args[0].wrong(fr, given, "a phone number"))
	}
	return s.built(fr, number)
}
