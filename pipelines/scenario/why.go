package scenario

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// decisive are the notes that tell why a message went where it went.
var decisive = []string{"chose", "filtered", "failed", "duplicate", "older", "late", "refused", "skipped", "dropped", "expired"}

// mostWhys bounds the reasons that are told.
const mostWhys = 4

// why tells the last decisions about the messages of the current item: the
// rule, its line, and its values. m, if there is one, is the message to tell of, whenever it came.
func (r *run) why(m *hub.Message) string {
	first := r.since
	if m != nil {
		first = 0
	}
	var told []string
	for i := len(r.history) - 1; i >= first && len(told) < mostWhys; i-- {
		e := &r.history[i]
		if !slices.Contains(decisive, e.What) || m != nil && !concerns(e, m) {
			continue
		}
		if line := r.told(e); !slices.Contains(told, line) {
			told = append(told, line)
		}
	}
	slices.Reverse(told)
	return strings.Join(told, "\n")
}

// concerns tells that a note is of m, or of a message with its root or correlation.
func concerns(e *note, m *hub.Message) bool {
	return (&hub.Message{ID: e.Message}).Root() == m.Root() || e.correlation != "" && e.correlation == m.Correlation
}

// told is a note for people.
func (r *run) told(e *note) string {
	at := filepath.Base(e.Line)
	switch {
	case e.What == "chose" && strings.Contains(e.Detail, " because "):
		return fmt.Sprintf("the rule at %s: %s", at, e.Detail)
	case e.What == "chose":
		return r.toldRoute(e)
	case e.What == "filtered" && strings.HasPrefix(e.Detail, "not "):
		return fmt.Sprintf("the rule at %s was false: %s", at, r.explained(strings.TrimPrefix(e.Detail, "not "), e, false))
	}
	return fmt.Sprintf("%s at %s %s: %s", e.Where, at, e.What, e.Detail)
}

// toldRoute tells of the branches of a route, down to the one that was taken.
func (r *run) toldRoute(e *note) string {
	var lines []string
	for _, branch := range branchesAt(r.test.root, e.Line).Items() {
		when := branch.Get("when")
		if when == nil {
			break
		}
		source := strings.TrimPrefix(when.Raw(), "=")
		file, line, _ := when.Pos()
		verdict := "false"
		if source == e.Detail {
			verdict = "true"
		}
		lines = append(lines, fmt.Sprintf("the rule at %s:%d was %s: %s", filepath.Base(file), line, verdict, r.explained(source, e, source == e.Detail)))
		if source == e.Detail {
			break
		}
	}
	if len(lines) == 0 {
		return fmt.Sprintf("the route at %s took %s", filepath.Base(e.Line), e.Detail)
	}
	return strings.Join(lines, "\n")
}

// branchesAt finds the list of branches whose step stands at file:line; nil: it is not below n.
func branchesAt(n *yamlfile.Node, line string) *yamlfile.Node {
	for at := range n.All() {
		for key, value := range at.Entries() {
			if strings.HasPrefix(key.LineCol(), line+":") && slices.ContainsFunc(value.Items(), func(b *yamlfile.Node) bool { return b.Get("when") != nil }) {
				return value
			}
		}
	}
	return nil
}

// instead tells where the messages of the current item went.
func (r *run) instead(name string) string {
	counts := map[string]int{}
	for _, a := range r.arrivals[r.from:] {
		if a.where != name {
			counts[a.where]++
		}
	}
	var parts []string
	for _, where := range sortedKeys(counts) {
		parts = append(parts, fmt.Sprintf("%s (%d)", where, counts[where]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; there came to " + strings.Join(parts, ", ")
}

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
