package formula

import (
	"fmt"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// wrong is the error of an operand whose value can't be used: what it is, what stood around it, what was probably meant.
func (n *node) wrong(fr *Frame, v doc.Value, want string) *RunError {
	if n.path != nil {
		if err := n.path.broken(fr); err != nil {
			return err
		}
	}
	e := n.fail("%s", n.text())
	switch v.Kind() {
	case doc.Missing:
		e.Message += " is missing"
		n.around(fr, e)
	case doc.Null:
		e.Message += " is null"
		n.around(fr, e)
	default:
		e.Message += fmt.Sprintf(" is %s, not %s", article(v.Kind()), want)
		e.Help = conversion(v.Kind(), want, n.text())
		e.Found = fr.found(n.text(), v)
	}
	return e
}

// around tells about the parent of a path that led to nothing.
func (n *node) around(fr *Frame, e *RunError) {
	if n.path == nil || len(n.path.segs) == 0 {
		return
	}
	last := n.path.segs[len(n.path.segs)-1]
	parent := n.path.upTo(fr, len(n.path.segs)-1)
	e.Found = fr.found(n.path.textOf(n.place, len(n.path.segs)-1), parent)
	if near, ok := nearField(last.name, parent); ok && !last.isIndex {
		e.Help = fmt.Sprintf("did you mean %q?", near)
	}
}

func nearField(name string, parent doc.Value) (string, bool) {
	var names []string
	for f := range parent.Fields() {
		if names = append(names, f); len(names) == 100 {
			break
		}
	}
	return shape.Nearest(name, names)
}

// found shows a value: body.user = {"id":"u1"}.
func (fr *Frame) found(name string, v doc.Value) string {
	if v.Source() == nil && v.Kind() >= doc.Array {
		small := budget{limits: Limits{Steps: 10_000, Memory: 1, Wall: DefaultLimits.Wall}}
		if small.reset(); !small.weigh(v) {
			return name + " = " + article(v.Kind())
		}
	}
	return name + " = " + cut(v.String())
}

func article(k doc.Kind) string {
	switch k {
	case doc.Missing, doc.Null:
		return k.String()
	case doc.Array, doc.Object:
		return "an " + k.String()
	}
	return "a " + k.String()
}

func conversion(have doc.Kind, want, text string) string {
	switch {
	case have == doc.String && want == "a number":
		return "use number(" + text + ")"
	case have == doc.Number && want == "a string":
		return "use string(" + text + ")"
	}
	return ""
}
