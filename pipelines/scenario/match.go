package scenario

import (
	"fmt"

	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

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
