package formula

import (
	"strings"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

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
	}
}

// trim takes off white space, or the given characters.
func trim(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	if len(a) == 1 {
		return s.result(fr, strings.TrimSpace(a[0].Str()))
	}
	return s.result(fr, strings.Trim(a[0].Str(), a[1].Str()))
}
