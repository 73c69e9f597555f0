package yamlfile

import (
	"regexp"
	"strings"
)

var (
	pathStart = regexp.MustCompile(`^(?:[a-z][A-Za-z]*\()?([a-z_][a-z_0-9]*)(?:\?\.|\.|\[)[A-Za-z_"0-9]`)
	twoWords  = regexp.MustCompile(`[A-Za-z_]\w*\s+[A-Za-z_]\w*`)
	wordOps   = regexp.MustCompile(`\b(and|or|not|in|contains|matches|startsWith|endsWith)\b`)
)

// WarnIfFormulaLike warns about an unquoted literal that reads like a formula, as body.x: its '=' was forgotten. More
// names that are values in a formula at this place can be given, as the `as:` names of a process.
func (n *Node) WarnIfFormulaLike(names ...string) {
	if n.Kind() != Scalar || n.IsFormula() || n.Quoted() {
		return
	}
	raw := strings.TrimSpace(n.Raw())
	m := pathStart.FindStringSubmatch(raw)
	if m == nil || twoWords.MatchString(wordOps.ReplaceAllString(raw, "+")) {
		return
	}
	for _, name := range append([]string{"body", "headers", "it", "params", "event", "bodies", "replies"}, names...) {
		if m[1] == name {
			n.Warnf("W202", "write ="+raw+" for its value, or quote it if the text is meant", "%s: %s is text here, and looks like a formula", n.label(), short(raw))
			return
		}
	}
}
