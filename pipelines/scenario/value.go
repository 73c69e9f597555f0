package scenario

import (
	"cmp"
	"errors"
	"unicode/utf8"

	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// value is a literal, a formula, or a tree of both: a body, an answer, a pattern.
type value struct {
	line    string
	literal doc.Value
	formula *formula.Formula
	fields  []field // of a map
	items   []*value
	kind    yamlfile.Kind
	missing string // why there is none
}

type field struct {
	name  string
	value *value
}

// value reads n; nil when there were problems.
func (rd *reader) value(n *yamlfile.Node) *value {
	v := &value{line: lineOf(n), kind: n.Kind()}
	switch {
	case n.Kind() == yamlfile.Map:
		for key, part := range n.Entries() {
			p := rd.value(part)
			if p == nil {
				return nil
			}
			v.fields = append(v.fields, field{key.Raw(), p})
		}
	case n.Kind() == yamlfile.List:
		for _, part := range n.Items() {
			p := rd.value(part)
			if p == nil {
				return nil
			}
			v.items = append(v.items, p)
		}
	case n.IsFormula():
		if v.formula = rd.formula(n); v.formula == nil {
			return nil
		}
	default:
		n.WarnIfFormulaLike()
		var err error
		if v.literal, err = doc.FromAny(n.Any()); err != nil {
			n.Errorf("E304", "", "%v", err)
			return nil
		}
	}
	return v
}

// formula compiles n, with or without its `=`; nil: there were problems.
func (rd *reader) formula(n *yamlfile.Node) *formula.Formula {
	text, ok := n.Text()
	if !ok {
		return nil
	}
	lead := 0
	if n.IsFormula() {
		lead = 1
	}
	f, errs := formula.Compile(text[lead:], rd.scope)
	for _, e := range errs {
		from := min(e.Offset+lead, len(text))
		to := min(from+e.Length, len(text))
		n.ErrorAt(utf8.RuneCountInString(text[:from]), utf8.RuneCountInString(text[from:to]), "E301", cmp.Or(e.Help, "correct the formula"), "%s", e.Message)
	}
	return f
}

// eval is the value on a frame.
func (v *value) eval(fr *formula.Frame) (doc.Value, error) {
	switch {
	case v == nil:
		return doc.Value{}, nil
	case v.missing != "":
		return doc.Value{}, errors.New(v.line + ": " + v.missing)
	case v.formula != nil:
		out, err := v.formula.Eval(fr)
		if err != nil {
			return out, errors.New(v.line + ": " + err.Error())
		}
		return out, nil
	case v.kind == yamlfile.Map:
		fields := make([]doc.Field, len(v.fields))
		for i, f := range v.fields {
			part, err := f.value.eval(fr)
			if err != nil {
				return part, err
			}
			fields[i] = doc.Field{Name: f.name, Value: part}
		}
		return doc.ObjectOf(fields), nil
	case v.kind == yamlfile.List:
		items := make([]doc.Value, len(v.items))
		for i, item := range v.items {
			part, err := item.eval(fr)
			if err != nil {
				return part, err
			}
			items[i] = part
		}
		return doc.ListOf(items), nil
	}
	return v.literal, nil
}
