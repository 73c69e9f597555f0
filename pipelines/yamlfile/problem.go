package yamlfile

import (
	"cmp"
	"fmt"
	"slices"

	"orderhub/hub/mask"
)

// Severity says whether a configuration can run.
type Severity int

// An Error keeps the configuration from running, a Warning does not.
const (
	Error Severity = iota
	Warning
)

// String gives "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText writes it as String does.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one thing wrong with a configuration, and what to write instead.
type Problem struct {
	Code     string   `json:"code"` // stable, one per kind of problem: E101
	Severity Severity `json:"severity"`
	File     string   `json:"file"`    // as it was given to the loader
	Line     int      `json:"line"`    // from 1; 0: the whole file
	Col      int      `json:"col"`     // from 1, in runes; 0: the whole line
	EndCol   int      `json:"endCol"`  // first column behind the offending part
	Message  string   `json:"message"` // what is wrong
	Help     string   `json:"help"`    // what to write; may be empty
}

// Problems collects; it never stops at the first. The zero value is ready.
type Problems struct {
	list    []Problem
	seen    map[Problem]bool
	sources map[string]*source
	Mask    *mask.Masker // hides the values of secrets in what is added; nil: nothing is hidden
}

// Add records a problem. An exact duplicate is dropped.
func (p *Problems) Add(x Problem) {
	x.Message, x.Help = concealURLs(p.Mask.Text(x.Message)), concealURLs(p.Mask.Text(x.Help))
	if p.seen[x] {
		return
	}
	if p.seen == nil {
		p.seen = map[Problem]bool{}
	}
	p.seen[x] = true
	p.list = append(p.list, x)
}

// Errors counts the problems that keep the configuration from running.
func (p *Problems) Errors() int { return p.count(Error) }

// Warnings counts the others.
func (p *Problems) Warnings() int { return p.count(Warning) }

func (p *Problems) count(s Severity) (n int) {
	for _, x := range p.list {
		if x.Severity == s {
			n++
		}
	}
	return n
}

// All gives the problems sorted by file, line and column.
func (p *Problems) All() []Problem {
	all := slices.Clone(p.list)
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return all
}

func (p *Problems) addSource(s *source) {
	if p.sources == nil {
		p.sources = map[string]*source{}
	}
	p.sources[s.name] = s
}

// Errorf records an error at the node: the caret is under its whole scalar, or under the key of a map or list.
func (n *Node) Errorf(code, help, format string, args ...any) {
	n.report(Error, n.extent(), code, help, fmt.Sprintf(format, args...))
}

// Is tells that the node has the kind, and reports it where it has another: what says what it should be. A missing node
// has none, and that is no fault.
func (n *Node) Is(kind Kind, code, help, what string) bool {
	if n == nil || n.Kind() == kind {
		return n != nil
	}
	n.Errorf(code, help, "%s, this is %s", what, n.Kind())
	return false
}

// Refuse records an error at each of the keys that the node has, where none of them has a meaning; format takes the key.
func (n *Node) Refuse(code, help, format string, keys ...string) {
	for _, k := range keys {
		if at := n.KeyNode(k); at != nil {
			at.Errorf(code, help, format, k)
		}
	}
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
