package shape

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mismatch is one reason why a value of one type is not of another. Path leads to it from the value: "items[].price", "" is the value itself.
type Mismatch struct{ Path, Message, Help string }

// Assignable tells why not every value of type from is one of type to; nothing: it fits. What is not known (Any) fits. A field that may be
// null where it must not be is left to run time, as is an open object's missing field.
func Assignable(from, to *Type) []Mismatch {
	var c comparison
	c.check("", from, to)
	return c.found
}

type comparison struct{ found []Mismatch }

func (c *comparison) add(path, help, format string, args ...any) {
	c.found = append(c.found, Mismatch{Path: path, Message: fmt.Sprintf(format, args...), Help: help})
}

func (c *comparison) check(path string, from, to *Type) {
	if from.IsAny() || to.IsAny() || from == to {
		return
	}
	if from.Kind == Null {
		if !to.Nullable && to.Kind != Null {
			c.add(path, "", "%s must not be null; it is %s", called(path), to.Describe())
		}
		return
	}
	if from.Kind != to.Kind {
		c.add(path, convert(from.Kind, to.Kind), "%s must be %s, not %s", called(path), to.Describe(), from.Describe())
		return
	}
	switch to.Kind {
	case String:
		c.enums(path, from, to)
	case Array:
		c.check(path+"[]", from.Elem, to.Elem)
	case Object:
		c.fields(path, from, to)
	}
}

func (c *comparison) enums(path string, from, to *Type) {
	if len(to.Enum) == 0 {
		return
	}
	for _, text := range from.Enum {
		if !slices.Contains(to.Enum, text) {
			c.add(path, DidYouMean(text, to.Enum), "%s must be one of %s, not %q", called(path), strings.Join(to.Enum, ", "), text)
		}
	}
}

func (c *comparison) fields(path string, from, to *Type) {
	for _, f := range to.Fields {
		given, ok := from.Field(f.Name)
		switch {
		case ok:
			if f.Required && from.declared(f.Name) == nil {
				continue // known at run time only
			}
			c.check(join(path, f.Name), given, f.Type)
		case f.Required:
			c.add(join(path, f.Name), "", "%s is missing; %s requires it", called(join(path, f.Name)), to.Describe())
		}
	}
	if to.Open {
		for _, f := range from.Fields {
			if to.declared(f.Name) == nil {
				c.check(join(path, f.Name), f.Type, to.Elem)
			}
		}
		return
	}
	for _, f := range from.Fields {
		if to.declared(f.Name) == nil {
			c.add(join(path, f.Name), DidYouMean(f.Name, to.Names()), "%s has no field %s", cmp.Or(to.Name, "this object"), f.Name)
		}
	}
}

func called(path string) string { return cmp.Or(path, "it") }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func convert(from, to Kind) string {
	switch {
	case to == String && (from == Number || from == Bool):
		return "use string(...)"
	case to == Number && from == String:
		return "use number(...)"
	}
	return ""
}
