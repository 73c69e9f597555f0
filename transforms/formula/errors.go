package formula

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// Error is a fault of a formula's text, found before anything runs. Offset and Length are bytes of the source.
type Error struct {
	Offset, Length int
	Message, Help  string
}

// ReasonLimit is the reason of a formula that was stopped by its budget; ReasonTransform that of all other faults at run time.
const (
	ReasonLimit     = "expression_limit"
	ReasonTransform = "transform"
)

// RunError is a formula that met a document it can't work on. It is of class invalid: the same message fails again.
type RunError struct {
	Offset, Length int    // bytes of Source: the operand at fault
	Source         string // the formula
	Message        string // "body.user.email is missing"
	Help           string // "did you mean \"mail\"?"
	Found          string // what stood there: `body.user = {"id":"u1"}`, cut at 80 bytes
	Reason         string // ReasonTransform or ReasonLimit
	Err            error  // the cause, when a function failed or the body is no document
}

func (e *RunError) Error() string {
	parts := []string{e.Message}
	if e.Found != "" {
		parts = append(parts, e.Found)
	}
	if e.Help != "" {
		parts = append(parts, e.Help)
	}
	return strings.Join(parts, "; ")
}

func (e *RunError) Unwrap() error { return e.Err }

// As gives the classified form to hub.AsError: the class of the cause if it has one, else invalid.
func (e *RunError) As(target any) bool {
	p, ok := target.(**hub.Error)
	if !ok {
		return false
	}
	c := &hub.Error{Class: hub.Invalid, Reason: e.Reason, Err: e}
	if e.Err != nil {
		cause := hub.AsError(e.Err)
		c.Class, c.Reason, c.After = cause.Class, cause.Reason, cause.After
	}
	*p = c
	return true
}

// foundLimit is how many bytes of a found value a message shows.
const foundLimit = 80

func cut(s string) string { return doc.Shorten(s, foundLimit) }

// place is a part of a formula: what errors of a node point at.
type place struct {
	src      string
	from, to int
}

func (p place) text() string { return p.src[p.from:p.to] }

func (p place) fail(format string, args ...any) *RunError {
	return &RunError{Offset: p.from, Length: p.to - p.from, Source: p.src, Message: fmt.Sprintf(format, args...), Reason: ReasonTransform}
}

// failed is a function that returned an error.
func (p place) failed(err error) *RunError {
	if r, ok := errors.AsType[*RunError](err); ok && r.Source == p.src {
		return r
	}
	e := p.fail("%s: %v", headOf(p.text()), err)
	e.Err = err
	return e
}

// headOf is the text before the first bracket: the function's name of a call.
func headOf(s string) string {
	if i := strings.IndexByte(s, '('); i > 0 && utf8.ValidString(s[:i]) {
		return s[:i]
	}
	return s
}

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
	if last.isIndex {
		return
	}
	var names []string
	for f := range parent.Fields() {
		if names = append(names, f); len(names) == 100 {
			break
		}
	}
	e.Help = shape.DidYouMean(last.name, names)
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

// article is a kind with its article; "missing" and "null" have none.
func article(k doc.Kind) string {
	if k == doc.Missing {
		return k.String()
	}
	return (&shape.Type{Kind: k}).Describe()
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
