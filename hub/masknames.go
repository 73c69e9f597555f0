package hub

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Named masks what stands behind the names of marked fields in a text that is
// no document, such as broken JSON or a form: "token": "tok_1", token=tok_1. An
// object or a list behind one is masked to the text's end. What is masked already stays as it is.
func (m *Masker) Named(s string) string {
	now := m.masking()
	if now == nil || now.marks == nil {
		return s
	}
	find := now.named()
	if find == nil {
		return s
	}
	return find.ReplaceAllString(s, "${1}[${2}]")
}

// behindNames finds a marked name (group 2), up to its value (group 1), and the value; nil: no field is marked.
func (n *markNode) behindNames() *regexp.Regexp {
	names := map[string]bool{}
	n.names("", names)
	if len(names) == 0 {
		return nil
	}
	var quoted []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	const value = `\[[\w.:-]+\]|"(?:[^"\\]|\\.)*"?|[\[{].*|[^,;&}\]\s]*`
	return regexp.MustCompile(`(?is)(["']?\b(` + strings.Join(quoted, "|") + `)\b["']?\s*[:=]\s*)(?:` + value + `)`)
}

// names collects the names of the marked fields: of a list, that of the field that holds it.
func (n *markNode) names(name string, into map[string]bool) {
	if n == nil {
		return
	}
	if n.marked && name != "" {
		into[name] = true
	}
	for step, c := range n.next {
		if step == "*" {
			step = name
		}
		c.names(step, into)
	}
}
