package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// value is a literal, a formula, or a tree of both: a body, an answer, a pattern.
type value struct {
	line    string
	kind    yamlfile.Kind
	literal doc.Value
	formula *formula.Formula
	parts   []field // of a map or, without names, of a list
	missing string  // why there is none
}

type field struct {
	name  string
	value *value
}

// value reads n; nil: there is none.
func (rd *reader) value(n *yamlfile.Node) *value {
	if n == nil {
		return nil
	}
	v := &value{line: n.LineCol(), kind: n.Kind()}
	switch {
	case v.kind == yamlfile.Map || v.kind == yamlfile.List:
		for key, part := range n.Entries() {
			v.parts = append(v.parts, field{key.Raw(), rd.value(part)})
		}
		for _, part := range n.Items() {
			v.parts = append(v.parts, field{"", rd.value(part)})
		}
	case n.IsFormula():
		v.formula = pipelines.Formula(n, rd.scope)
	default:
		n.WarnIfFormulaLike()
		var err error
		if v.literal, err = doc.FromAny(n.Any()); err != nil {
			n.Errorf("E304", "", "%v", err)
		}
	}
	return v
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
	case v.kind != yamlfile.Map && v.kind != yamlfile.List:
		return v.literal, nil
	}
	fields, items := make([]doc.Field, len(v.parts)), make([]doc.Value, len(v.parts))
	for i, f := range v.parts {
		part, err := f.value.eval(fr)
		if err != nil {
			return part, err
		}
		fields[i], items[i] = doc.Field{Name: f.name, Value: part}, part
	}
	if v.kind == yamlfile.List {
		return doc.ListOf(items), nil
	}
	return doc.ObjectOf(fields), nil
}

// differs tells where got is not what the pattern says; "" when it is. Of a
// map the fields that the pattern names are compared, a list is compared as a
// whole. A formula sees what the frame has: true means that it fits, any other
// result is compared with what stands at its place.
func (v *value) differs(path string, got doc.Value, fr *formula.Frame) string {
	switch {
	case v.formula != nil:
		return v.formulaDiffers(path, got, fr)
	case v.kind == yamlfile.Map && got.Kind() != doc.Object:
		return fmt.Sprintf("%s is %s, not a map", path, shown(got))
	case v.kind == yamlfile.List && (got.Kind() != doc.Array || got.Len() != len(v.parts)):
		return fmt.Sprintf("%s is %s, not a list of %d", path, shown(got), len(v.parts))
	case v.kind != yamlfile.Map && v.kind != yamlfile.List && !doc.Equal(v.literal, got):
		return fmt.Sprintf("%s is %s, not %s", path, shown(got), shown(v.literal))
	}
	for i, f := range v.parts {
		at, part := path+"."+f.name, got.Get(f.name)
		if v.kind == yamlfile.List {
			at, part = fmt.Sprintf("%s[%d]", path, i), got.At(i)
		}
		if bad := f.value.differs(at, part, fr); bad != "" {
			return bad
		}
	}
	return ""
}

func (v *value) formulaDiffers(path string, got doc.Value, fr *formula.Frame) string {
	want, err := v.formula.Eval(fr)
	switch {
	case err != nil:
		return err.Error()
	case doc.Equal(want, got) || want.Kind() == doc.Bool && got.Kind() != doc.Bool && want.Bool():
		return ""
	case want.Kind() == doc.Bool && got.Kind() != doc.Bool:
		return fmt.Sprintf("%s is false; %s is %s", v.formula.Source(), path, shown(got))
	}
	return fmt.Sprintf("%s is %s, not %s", path, shown(got), shown(want))
}

// shown is a value for people.
func shown(v doc.Value) string {
	if v.Kind() == doc.Missing {
		return "missing"
	}
	return v.String()
}

// pattern is the pattern itself for people: formulas as they are written.
func (v *value) pattern() string {
	var parts []string
	for _, f := range v.parts {
		text := f.value.pattern()
		if v.kind == yamlfile.Map {
			text = f.name + ": " + text
		}
		parts = append(parts, text)
	}
	switch {
	case v.formula != nil:
		return "=" + v.formula.Source()
	case v.kind == yamlfile.Map:
		return "{" + strings.Join(parts, ", ") + "}"
	case v.kind == yamlfile.List:
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return shown(v.literal)
}

// canonical is a value as JSON with its fields sorted, so that values that are equal are the same text.
func canonical(v doc.Value) string { return string(sorted(v).JSON()) }

func sorted(v doc.Value) doc.Value {
	v = doc.Map(v, func(_ string, part doc.Value) doc.Value { return sorted(part) })
	switch v.Kind() {
	case doc.Object:
		var fields []doc.Field
		for name, value := range v.Fields() {
			fields = append(fields, doc.Field{Name: name, Value: value})
		}
		slices.SortFunc(fields, func(a, b doc.Field) int { return cmp.Compare(a.Name, b.Name) })
		return doc.ObjectOf(fields)
	case doc.Number:
		return doc.NumberValue(v.Num().Normal())
	}
	return v
}
