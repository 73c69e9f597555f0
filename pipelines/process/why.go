package process

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/formula"
)

// why is the rule that led from a state, with the values that it read: charge.result == "declined" (charge.result = "declined").
// For a rule without a condition they are those of the rules above it.
func (t *turn) why(tok *instance.Token, r *definition.Reaction, suffix string, more ...hub.Var) string {
	if !t.y.Trace {
		return ""
	}
	var paths []formula.Path
	if r.When != nil {
		paths = r.When.Reads().Paths
	} else if s := t.state(tok); slices.Contains(s.Next, r) {
		for _, other := range s.Next {
			if other.When != nil {
				paths = append(paths, other.When.Reads().Paths...)
			}
		}
	}
	text := t.because(tok, r, suffix)
	values, marked := t.values(tok, paths, more)
	if values != "" {
		text += " (" + values + ")"
	}
	if marked { // the rule itself may say the value
		text = t.mask(tok).Text(text)
	}
	return text
}

// because is the rule in words. suffix tells what met the reaction, as react has it.
func (t *turn) because(tok *instance.Token, r *definition.Reaction, suffix string) string {
	kind, _, _ := strings.Cut(suffix, ".")
	switch {
	case r.When != nil:
		return r.When.Source()
	case r.Event != "":
		return "the event " + r.Event + " came"
	case kind == "timer":
		return "its time has come"
	case kind == "late":
		return "nobody answered in time"
	case kind == "error":
		return "the step failed"
	case len(t.state(tok).Next) == 1:
		return "it is done"
	}
	return "otherwise"
}

// values are what stands at the paths. marked: some of it is secret or personal, and is not said.
func (t *turn) values(tok *instance.Token, paths []formula.Path, more []hub.Var) (text string, marked bool) {
	vars := t.vars(tok, more...)
	var said []string
	for _, path := range paths {
		root := vars.Get(path[0])
		if root.Kind() == doc.Missing {
			continue
		}
		v := doc.Lookup(root, path[1:])
		if v.Kind() == doc.Object || v.Kind() == doc.Array {
			continue
		}
		text := v.String()
		switch {
		case v.Kind() == doc.Missing:
			text = "missing"
		case t.x.Env.Mask.Marks(path...):
			text, marked = "["+path[len(path)-1]+"]", true
		}
		if one := path.String() + " = " + text; !slices.Contains(said, one) {
			said = append(said, one)
		}
	}
	return strings.Join(said, ", "), marked
}
