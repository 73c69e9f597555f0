package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"orderhub/hub/doc"
	"orderhub/pipelines"
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
		if v.formula = pipelines.Formula(n, rd.scope); v.formula == nil {
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

// differs tells where got is not what the pattern says; "" when it is. Of a
// map the fields that the pattern names are compared, a list is compared as a
// whole. A formula sees what the frame has: true means that it fits, any other
// result is compared with what stands at its place.
func (v *value) differs(path string, got doc.Value, fr *formula.Frame) string {
	switch {
	case v.formula != nil:
		return v.formulaDiffers(path, got, fr)
	case v.kind == yamlfile.Map:
		if got.Kind() != doc.Object {
			return fmt.Sprintf("%s is %s, not a map", path, shown(got))
		}
		for _, f := range v.fields {
			if bad := f.value.differs(path+"."+f.name, got.Get(f.name), fr); bad != "" {
				return bad
			}
		}
		return ""
	case v.kind == yamlfile.List:
		if got.Kind() != doc.Array || got.Len() != len(v.items) {
			return fmt.Sprintf("%s is %s, not a list of %d", path, shown(got), len(v.items))
		}
		for i, e := range got.Elems() {
			if bad := v.items[i].differs(fmt.Sprintf("%s[%d]", path, i), e, fr); bad != "" {
				return bad
			}
		}
		return ""
	case !doc.Equal(v.literal, got):
		return fmt.Sprintf("%s is %s, not %s", path, shown(got), shown(v.literal))
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
	switch {
	case v.formula != nil:
		return "=" + v.formula.Source()
	case v.kind == yamlfile.Map:
		out := "{"
		for i, f := range v.fields {
			if i > 0 {
				out += ", "
			}
			out += f.name + ": " + f.value.pattern()
		}
		return out + "}"
	case v.kind == yamlfile.List:
		out := "["
		for i, item := range v.items {
			if i > 0 {
				out += ", "
			}
			out += item.pattern()
		}
		return out + "]"
	}
	return shown(v.literal)
}

// canonical is a value as JSON with its fields sorted, so that values that are equal are the same text.
func canonical(v doc.Value) string { return string(sorted(v).JSON()) }

func sorted(v doc.Value) doc.Value {
	switch v.Kind() {
	case doc.Object:
		var fields []doc.Field
		for name, value := range v.Fields() {
			fields = append(fields, doc.Field{Name: name, Value: sorted(value)})
		}
		slices.SortFunc(fields, func(a, b doc.Field) int { return cmp.Compare(a.Name, b.Name) })
		return doc.ObjectOf(fields)
	case doc.Array:
		var items []doc.Value
		for _, item := range v.Elems() {
			items = append(items, sorted(item))
		}
		return doc.ListOf(items)
	case doc.Number:
		return doc.NumberValue(v.Num().Normal())
	}
	return v
}
