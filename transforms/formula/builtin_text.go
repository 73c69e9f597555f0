package formula

import (
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func textBuiltins() []builtin {
	return []builtin{
		mapText("lower", strings.ToLower),
		mapText("upper", strings.ToUpper),
		{name: "trim", params: []set{strs, strs}, least: 1, result: gives(shape.StringType), many: trim},
		trimText("trimPrefix", strings.TrimPrefix),
		trimText("trimSuffix", strings.TrimSuffix),
		testText("hasPrefix", strings.HasPrefix),
		testText("hasSuffix", strings.HasSuffix),
		findText("indexOf", strings.Index),
		findText("lastIndexOf", strings.LastIndex),
		{name: "split", params: []set{strs, strs}, least: 2, result: gives(shape.ArrayOf(shape.StringType)), two: split},
		{name: "join", params: []set{arrs, strs}, least: 1, result: gives(shape.StringType), many: join},
		{name: "replace", params: []set{strs, strs, strs}, least: 3, result: gives(shape.StringType), many: replace},
		{name: "repeat", params: []set{strs, nums}, least: 2, result: gives(shape.StringType), two: repeat},
		{name: "normPhone", params: []set{strs, strs}, least: 1, result: gives(shape.StringType), many: normPhone},
	}
}

// mapText is a builtin from a string to a string.
func mapText(name string, do func(string) string) builtin {
	return builtin{name: name, params: []set{strs}, least: 1, result: gives(shape.StringType),
		one: func(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) { return s.result(fr, do(a.Str())) }}
}

// testText is a builtin from two strings to a bool.
func testText(name string, do func(a, b string) bool) builtin {
	return builtin{name: name, params: []set{strs, strs}, least: 2, result: gives(shape.BoolType),
		two: func(_ *site, _ *Frame, a, b doc.Value) (doc.Value, *RunError) {
			return doc.BoolValue(do(a.Str(), b.Str())), nil
		}}
}

// trimText is a builtin from two strings to a string.
func trimText(name string, do func(a, b string) string) builtin {
	return builtin{name: name, params: []set{strs, strs}, least: 2, result: gives(shape.StringType),
		two: func(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
			return s.result(fr, do(a.Str(), b.Str()))
		}}
}

// findText is a builtin from two strings to a place, counted in characters; -1: not there.
func findText(name string, do func(a, b string) int) builtin {
	return builtin{name: name, params: []set{strs, strs}, least: 2, result: gives(shape.NumberType),
		two: func(_ *site, _ *Frame, a, b doc.Value) (doc.Value, *RunError) {
			i := do(a.Str(), b.Str())
			if i > 0 {
				i = utf8.RuneCountInString(a.Str()[:i])
			}
			return doc.IntValue(int64(i)), nil
		}}
}

// trim takes off white space, or the given characters.
func trim(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	if len(a) == 1 {
		return s.result(fr, strings.TrimSpace(a[0].Str()))
	}
	return s.result(fr, strings.Trim(a[0].Str(), a[1].Str()))
}

func split(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
	text, sep := a.Str(), b.Str()
	n := len(text)
	if sep != "" {
		n = strings.Count(text, sep)
	}
	if !fr.spend(n) || !fr.take((n+1)*valueSize) {
		return doc.Value{}, s.limit(fr)
	}
	parts := strings.Split(text, sep)
	out := make([]doc.Value, len(parts))
	for i, p := range parts {
		out[i] = doc.StringValue(p)
	}
	return doc.ListOf(out), nil
}

func join(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	sep := ""
	if len(a) > 1 {
		sep = a[1].Str()
	}
	var b strings.Builder
	for i, e := range a[0].Elems() {
		if e.Kind() != doc.String {
			err := s.args[0].wrong(fr, a[0], "an array of strings")
			err.Message = elementText(s.args[0], i) + " is " + article(e.Kind()) + ", not a string"
			err.Help = "use map(" + s.args[0].text() + ", string(#))"
			return doc.Value{}, err
		}
		text := e.Str()
		if !fr.spend(1) || !fr.take(len(text)+len(sep)) {
			return doc.Value{}, s.limit(fr)
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(text)
	}
	return doc.StringValue(b.String()), nil
}

func replace(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	text, before, after := a[0].Str(), a[1].Str(), a[2].Str()
	n := strings.Count(text, before)
	grow := max(0, len(after)-len(before))
	if grow > 0 && n > fr.limits.Memory/grow || !fr.spend(n/16) || !fr.take(len(text)+n*grow) {
		fr.exceed()
		return doc.Value{}, s.limit(fr)
	}
	return doc.StringValue(strings.ReplaceAll(text, before, after)), nil
}

func repeat(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
	n, ok := intOf(b)
	if !ok || n < 0 {
		return doc.Value{}, s.args[1].wrong(fr, b, "a whole number from 0 on")
	}
	text := a.Str()
	if len(text) == 0 || n == 0 {
		return doc.StringValue(""), nil
	}
	if n > fr.limits.Memory/len(text) || !fr.take(n*len(text)) {
		fr.take(-1)
		return doc.Value{}, s.limit(fr)
	}
	return doc.StringValue(strings.Repeat(text, n)), nil
}

// normPhone writes a phone number as +491711234567: without a country a number that starts with one 0 stays national.
func normPhone(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	text := strings.Replace(strings.TrimSpace(a[0].Str()), "(0)", "", 1)
	digits := make([]byte, 0, 24)
	for i, r := range text {
		switch {
		case r >= '0' && r <= '9' || r == '+' && i == 0:
			digits = append(digits, byte(r))
		case !strings.ContainsRune(" -/().\u00a0", r) || len(digits) > 20:
			return doc.Value{}, s.args[0].wrong(fr, a[0], "a phone number")
		}
	}
	number := string(digits)
	if strings.HasPrefix(number, "00") {
		number = "+" + number[2:]
	}
	if len(a) > 1 && strings.HasPrefix(number, "0") {
		number = "+" + strings.TrimPrefix(a[1].Str(), "+") + number[1:]
	}
	if len(strings.TrimPrefix(number, "+")) < 3 || len(number) > 20 {
		return doc.Value{}, s.args[0].wrong(fr, a[0], "a phone number")
	}
	return s.result(fr, number)
}
