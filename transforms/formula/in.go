package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// in compiles x in list, and name in object.
func (c *compiler) in(a, b *node, p place) *node {
	if !c.want(b, "an array or an object", shape.Array, shape.Object) {
		return broken(p)
	}
	if b.typ.Is(shape.Object) && !c.want(a, "a string", shape.String) {
		return broken(p)
	}
	if e := b.typ.Element(); b.typ.Is(shape.Array) && !e.IsAny() && !a.typ.IsAny() && !a.typ.Is(shape.Null) && !e.Is(shape.Null) && e.Kind != a.typ.Kind {
		c.fault(p, "", "%s is %s, it is never in %s: %s", a.text(), a.typ.Describe(), b.text(), b.typ.Describe())
		return broken(p)
	}
	if texts, ok := constTexts(b); ok {
		return c.inTexts(a, b, texts, p)
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		x, err := a.val(fr)
		if err != nil {
			return false, err
		}
		list, err := b.val(fr)
		if err != nil {
			return false, err
		}
		switch list.Kind() {
		case doc.Object:
			if x.Kind() != doc.String {
				return false, a.wrong(fr, x, "a string")
			}
			return has(list, x.Str()), nil
		case doc.Array:
			return isIn(fr, x, list, p)
		}
		return false, b.wrong(fr, list, "an array or an object")
	}), a, b)
}

func has(obj doc.Value, name string) bool {
	v := obj.Get(name)
	return v.Kind() != doc.Missing
}

func isIn(fr *Frame, x, list doc.Value, p place) (bool, *RunError) {
	for _, e := range list.Elems() {
		if !fr.spend(1) || e.Kind() >= doc.String && e.Kind() == x.Kind() && !fr.weigh(e) {
			return false, p.limit(fr)
		}
		if doc.Equal(e, x) {
			return true, nil
		}
	}
	return false, nil
}

// constTexts is the texts of a constant list of strings.
func constTexts(n *node) ([]string, bool) {
	if !n.konst || n.v.Kind() != doc.Array || n.v.Len() == 0 {
		return nil, false
	}
	var texts []string
	for _, e := range n.v.Elems() {
		if e.Kind() != doc.String {
			return nil, false
		}
		texts = append(texts, e.Str())
	}
	return texts, true
}

func (c *compiler) inTexts(a, b *node, texts []string, p place) *node {
	if !a.konst {
		for _, text := range texts {
			if !c.oneOf(a, b.place, text) {
				return broken(p)
			}
		}
	}
	val := a.val
	if len(texts) > 8 {
		set := make(map[string]struct{}, len(texts))
		for _, t := range texts {
			set[t] = struct{}{}
		}
		return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
			v, err := val(fr)
			_, ok := set[v.Str()]
			return ok && v.Kind() == doc.String, err
		}), a)
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		if err != nil || v.Kind() != doc.String {
			return false, err
		}
		s := v.Str()
		for _, t := range texts {
			if s == t {
				return true, nil
			}
		}
		return false, nil
	}), a)
}
