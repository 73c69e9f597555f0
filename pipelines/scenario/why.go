package scenario

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// decisive are the notes that tell why a message went where it went.
var decisive = []string{"chose", "filtered", "failed", "duplicate", "older", "late", "refused", "skipped", "dropped", "expired"}

// mostWhys bounds the reasons that are told.
const mostWhys = 3

// why tells the last decisions about the messages of the current item: the
// rule, its line, and its values. m, if there is one, is the message to tell of.
func (r *run) why(m *hub.Message) string {
	var told []string
	for i := len(r.history) - 1; i >= r.since && len(told) < mostWhys; i-- {
		e := r.history[i]
		if !slices.Contains(decisive, e.What) || m != nil && !r.concerns(&e, m) {
			continue
		}
		if line := r.told(&e); !slices.Contains(told, line) {
			told = append(told, line)
		}
	}
	slices.Reverse(told)
	return strings.Join(told, "\n")
}

// concerns tells that a note is of m or of a message with its root or correlation.
func (*run) concerns(e *note, m *hub.Message) bool {
	root := (&hub.Message{ID: e.Message}).Root()
	return root == m.Root() || e.correlation != "" && e.correlation == m.Correlation
}

// told is a note for people.
func (r *run) told(e *note) string {
	at := e.Where
	if e.Line != "" {
		at = "the rule at " + atLine(e.Line)
	}
	switch e.What {
	case "chose":
		return fmt.Sprintf("%s was true: %s%s", at, e.Detail, r.values(e))
	case "filtered":
		return fmt.Sprintf("%s dropped it: %s%s", at, e.Detail, r.values(e))
	}
	return fmt.Sprintf("%s %s at %s: %s%s", e.Where, e.What, atLine(e.Line), e.Detail, r.values(e))
}

// atLine is a place without its folder.
func atLine(line string) string { return filepath.Base(line) }

// path is a place in the body, as formulas name it.
var path = regexp.MustCompile(`\bbody(?:\??\.[A-Za-z_]\w*)+`)

// values are what the fields of the body that the note names hold.
func (r *run) values(e *note) string {
	m := r.bodies[e.Message]
	if m == nil {
		return ""
	}
	body, parts := document(m), []string(nil)
	for _, p := range path.FindAllString(e.Detail, -1) {
		names := strings.Split(strings.ReplaceAll(p, "?", ""), ".")[1:]
		if part := p + " = " + shown(doc.Lookup(body, names)); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// instead tells where the messages of the current item went.
func (r *run) instead(name string) string {
	counts := map[string]int{}
	for _, a := range r.arrivals[r.from:] {
		if a.where != name {
			counts[a.where]++
		}
	}
	if len(counts) == 0 {
		return ""
	}
	var parts []string
	for _, where := range sortedKeys(counts) {
		parts = append(parts, fmt.Sprintf("%s (%d)", where, counts[where]))
	}
	return "; what came went to " + strings.Join(parts, ", ")
}
