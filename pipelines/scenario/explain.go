package scenario

import (
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
)

// explained is a condition with its values: sum(body.items, .price) = 9 == body.total = 10.
// Where it can't be evaluated on what is known of the message, or gives
// something else than it did (a step has changed the body since), it stands alone.
func (r *run) explained(source string, e *note, held bool) string {
	m := r.bodies[e.Message]
	if m == nil {
		return source
	}
	fr := r.frame(m)
	f, v := evaluated(source, fr)
	if v.Kind() != doc.Bool || v.Bool() != held {
		return source
	}
	if left, op, right, ok := f.Comparison(); ok {
		return side(left, fr) + " " + op + " " + side(right, fr)
	}
	return source + valuesIn(f, m)
}

// evaluated is a formula and its value; nil: it names what is not known here, or it fails.
func evaluated(source string, fr *formula.Frame) (*formula.Formula, doc.Value) {
	f, _ := formula.Compile(source, formula.NewScope())
	if f == nil {
		return nil, doc.Value{}
	}
	v, err := f.Eval(fr)
	if err != nil {
		return nil, doc.Value{}
	}
	return f, v
}

// side is one side of a comparison with its value; a literal is that already.
func side(source string, fr *formula.Frame) string {
	f, v := evaluated(source, fr)
	if text := shown(v); f != nil && text != source {
		return source + " = " + text
	}
	return source
}

// valuesIn are the values of the body's fields that a formula reads.
func valuesIn(f *formula.Formula, m *hub.Message) string {
	body, text := document(m), ""
	separator := "; "
	for _, p := range f.Reads().Paths {
		if p[0] == "body" && len(p) > 1 {
			text += separator + p.String() + " = " + shown(doc.Lookup(body, p[1:]))
			separator = ", "
		}
	}
	return text
}
