package process

import (
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// fieldPath finds what a condition reads: charge.result, order?.total. Texts in quotes are skipped.
var fieldPath = regexp.MustCompile(`"[^"]*"|'[^']*'|[A-Za-z_][A-Za-z0-9_]*(?:\??\.[A-Za-z_][A-Za-z0-9_]*)*`)

// why is the rule that led from a state, with the values that it read: charge.result == "declined" (charge.result = "declined").
// For a rule without a condition they are those of the rules above it.
func (t *turn) why(tok *Token, r *reaction, suffix string, more ...hub.Var) string {
	if !t.y.Trace {
		return ""
	}
	sources := []string{}
	if r.when != nil {
		sources = append(sources, r.when.Source())
	} else if s := t.d.state(tok.State); slices.Contains(s.next, r) {
		for _, other := range s.next {
			if other.when != nil {
				sources = append(sources, other.when.Source())
			}
		}
	}
	text := t.because(tok, r, suffix)
	values, marked := t.values(tok, sources, more)
	if values != "" {
		text += " (" + values + ")"
	}
	if marked { // the rule itself may say the value
		text = t.mask(tok).Text(text)
	}
	return text
}

// because is the rule in words. suffix tells what met the reaction, as react has it.
func (t *turn) because(tok *Token, r *reaction, suffix string) string {
	kind, _, _ := strings.Cut(suffix, ".")
	switch {
	case r.when != nil:
		return r.when.Source()
	case r.event != "":
		return "the event " + r.event + " came"
	case kind == "timer":
		return "its time has come"
	case kind == "late":
		return "nobody answered in time"
	case kind == "error":
		return "the step failed"
	case len(t.d.state(tok.State).next) == 1:
		return "it is done"
	}
	return "otherwise"
}

// values are what the sources read. marked: some of it is secret or personal, and is not said.
func (t *turn) values(tok *Token, sources []string, more []hub.Var) (text string, marked bool) {
	vars := t.vars(tok, more...)
	var said []string
	for _, src := range sources {
		for _, path := range fieldPath.FindAllString(src, -1) {
			names := strings.Split(strings.ReplaceAll(path, "?", ""), ".")
			root := vars.Get(names[0])
			if root.Kind() == doc.Missing {
				continue
			}
			v := doc.Lookup(root, names[1:])
			if v.Kind() == doc.Object || v.Kind() == doc.Array {
				continue
			}
			text := v.String()
			switch {
			case v.Kind() == doc.Missing:
				text = "missing"
			case t.x.Env.Mask.Marks(names...):
				text, marked = "["+names[len(names)-1]+"]", true
			}
			if one := strings.Join(names, ".") + " = " + text; !slices.Contains(said, one) {
				said = append(said, one)
			}
		}
	}
	return strings.Join(said, ", "), marked
}
