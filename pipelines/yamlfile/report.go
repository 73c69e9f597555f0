package yamlfile

import "fmt"

// Errorf records an error at the node: the caret is under its whole scalar, or under the key of a map or list.
func (n *Node) Errorf(code, help, format string, args ...any) {
	n.report(Error, n.extent(), code, help, fmt.Sprintf(format, args...))
}

// Warnf records a warning at the node.
func (n *Node) Warnf(code, help, format string, args ...any) {
	n.report(Warning, n.extent(), code, help, fmt.Sprintf(format, args...))
}

// ErrorAt records an error inside the scalar, as for a fault in a formula. Offset and length count runes of Text(),
// from 0, the '=' of a formula included. Where the text can't be followed back into the file (a folded block, a value
// that came from ${ENV}) the caret is at the start of the scalar or of the ${ENV}.
func (n *Node) ErrorAt(offset, length int, code, help, format string, args ...any) {
	n.report(Error, n.inside(offset, length), code, help, fmt.Sprintf(format, args...))
}

func (n *Node) report(s Severity, at span, code, help, message string) {
	n.loader.Problems.Add(Problem{File: n.src.name, Line: at.line, Col: at.col, EndCol: at.col + max(at.width, 1),
		Severity: s, Code: code, Message: message, Help: help})
}

// label is the name that messages put before a fault in a value: its key, or its path in a list.
func (n *Node) label() string {
	switch {
	case n.key != nil:
		return n.key.Raw()
	case n.parent != nil && n.parent.key != nil && n.index >= 0:
		return fmt.Sprintf("%s[%d]", n.parent.key.Raw(), n.index)
	case n.parent == nil:
		return "the file"
	}
	return n.Path()
}
