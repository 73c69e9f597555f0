package shape

// String is the type for people: "schema order", "number or null", "array of string".
func (t *Type) String() string {
	if t.IsAny() {
		return "any value"
	}
	s := t.Name
	if s == "" {
		s = t.bare()
	}
	if t.Nullable && t.Kind != Null {
		s += " or null"
	}
	return s
}

func (t *Type) bare() string {
	if t.Kind == Array && !t.Elem.IsAny() {
		return "array of " + t.Elem.String()
	}
	return t.Kind.String()
}

// Describe is the type with its article: "a number", "an array of string", "schema order", "null".
func (t *Type) Describe() string {
	s := t.String()
	if t != nil && t.Name != "" || t.Is(Null) || t.IsAny() {
		return s
	}
	if s[0] == 'a' || s[0] == 'o' {
		return "an " + s
	}
	return "a " + s
}
