package pipelines

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/mapping"
	"orderhub/transforms/shape"
)

// Formula is the function Formula, for patterns.
func (b *Build) Formula(n *yamlfile.Node, scope *formula.Scope) *formula.Formula {
	return Formula(n, scope)
}

// Formula compiles the text of n, with or without its `=`, and reports what is
// wrong with it where it stands. nil: there were problems.
func Formula(n *yamlfile.Node, scope *formula.Scope) *formula.Formula {
	text, ok := n.Text()
	if !ok {
		return nil
	}
	src := strings.TrimPrefix(text, "=")
	f, errs := formula.Compile(src, scope)
	for _, e := range errs {
		reportAt(n, text, e.Offset+len(text)-len(src), e.Length, e.Message, help(e.Message, e.Help, scope))
	}
	return f
}

// help is what to write, where the formula's own error doesn't say it.
func help(message, given string, scope *formula.Scope) string {
	missing, isMissing := strings.CutSuffix(strings.SplitAfter(message, " is missing;")[0], " is missing;")
	switch {
	case given != "":
	case strings.HasPrefix(message, "unknown name "):
		return "known: " + strings.Join(scope.Names(), ", ")
	case isMissing:
		return "add " + missing + ": =…"
	case strings.Contains(message, "ends too early"):
		return "write what follows, or remove the last word"
	}
	return given
}

// reportAt puts the caret under a part of a scalar; offset and length are bytes of its text.
func reportAt(n *yamlfile.Node, text string, offset, length int, message, help string) {
	offset = min(offset, len(text))
	end := min(offset+length, len(text))
	n.ErrorAt(utf8.RuneCountInString(text[:offset]), utf8.RuneCountInString(text[offset:end]), "E301", help, "%s", message)
}

// Condition compiles a formula that must be true or false.
func (b *Build) Condition(n *yamlfile.Node, scope *formula.Scope) *Condition {
	f := b.Formula(n, scope)
	if f == nil {
		return nil
	}
	if t := f.Type(); !t.IsAny() && t.Kind != shape.Bool {
		n.Errorf("E302", "compare it with something: "+f.Source()+" == …", "a condition is true or false, this is %s", t.Kind)
		return nil
	}
	return &Condition{f: f, line: line(n)}
}

// Condition is a formula that is true or false.
type Condition struct {
	f    *formula.Formula
	line string
}

// Holds evaluates it.
func (c *Condition) Holds(fr *formula.Frame) (bool, error) {
	ok, err := c.f.Bool(fr)
	if err != nil {
		return false, failAt(c.line, err)
	}
	return ok, nil
}

// Pure tells that the answer depends on nothing but the message and the variables: no now(), no table().
func (c *Condition) Pure() bool { return c.f.Pure() }

// Source is the formula's text.
func (c *Condition) Source() string { return c.f.Source() }

// Reads tells what the formula reads.
func (c *Condition) Reads() formula.Reads { return c.f.Reads() }

// Expr is a formula with its place, for patterns: keys, lists, texts.
type Expr struct {
	*formula.Formula
	line string
}

// Expr compiles n as a formula.
func (b *Build) Expr(n *yamlfile.Node, scope *formula.Scope) *Expr {
	f := b.Formula(n, scope)
	if f == nil {
		return nil
	}
	return &Expr{f, line(n)}
}

// Value evaluates it; a run-time error is an invalid message and says where the formula stands.
func (e *Expr) Value(fr *formula.Frame) (doc.Value, error) {
	v, err := e.Eval(fr)
	if err != nil {
		return v, failAt(e.line, err)
	}
	return v, nil
}

// Text evaluates it as a text that must not be empty.
func (e *Expr) Text(fr *formula.Frame) (string, error) {
	v, err := e.Value(fr)
	if err != nil {
		return "", err
	}
	s := v.Text()
	if s == "" {
		return "", failAt(e.line, fmt.Errorf("%s is empty", e.Source()))
	}
	return s, nil
}

// Value is a literal, a formula, or a target-shaped tree of both.
type Value struct{ m *mapping.Mapping }

// Value compiles n; target (nil: any) is what its result must fit.
func (b *Build) Value(n *yamlfile.Node, scope *formula.Scope, target *shape.Type) *Value {
	before := b.plan.problems.Errors()
	t := b.tree(n)
	if b.plan.problems.Errors() > before {
		return nil
	}
	m, errs := mapping.Compile(t, scope, target)
	for _, e := range errs {
		at, _ := e.Pos.(*yamlfile.Node)
		if at == nil {
			at = n
		}
		if text, ok := formulaText(at); ok {
			lead := len(text) - len(strings.TrimPrefix(text, "="))
			reportAt(at, text, e.Offset+lead, e.Length, e.Message, help(e.Message, e.Help, scope))
		} else {
			at.Errorf("E303", help(e.Message, e.Help, scope), "%s", e.Message)
		}
	}
	if len(errs) > 0 {
		return nil
	}
	return &Value{m}
}

func formulaText(n *yamlfile.Node) (string, bool) {
	if n.Kind() != yamlfile.Scalar {
		return "", false
	}
	return n.Raw(), n.IsFormula() || strings.Contains(n.Path(), "$")
}

// Apply evaluates it.
func (v *Value) Apply(fr *formula.Frame) (doc.Value, error) {
	out, err := v.m.Apply(fr)
	if err != nil {
		return out, fail(err)
	}
	return out, nil
}

// Type is what Apply gives.
func (v *Value) Type() *shape.Type { return v.m.Type() }

// fail makes a run-time error of a mapping an invalid message that names the line.
func fail(err error) error {
	if e, ok := err.(*mapping.RunError); ok {
		n, _ := e.Pos.(*yamlfile.Node)
		return failAt(line(n), e.Err)
	}
	return failAt("", err)
}

// failAt keeps the class and the reason of a formula's own error (expression_limit, what a function met); any other makes the message invalid.
func failAt(line string, err error) error {
	e := hub.Fail(hub.Invalid, formula.ReasonTransform, "%w", err)
	if _, ok := errors.AsType[*formula.RunError](err); ok {
		c := hub.AsError(err)
		e.Class, e.Reason, e.After = c.Class, c.Reason, c.After
	} else if c, ok := errors.AsType[*hub.Error](err); ok {
		e.Class, e.Reason, e.After = c.Class, c.Reason, c.After
	}
	e.Line = line
	return e
}

// line is file:line:col of a node.
func line(n *yamlfile.Node) string {
	if n == nil {
		return ""
	}
	file, l, col := n.Pos()
	return fmt.Sprintf("%s:%d:%d", file, l, col)
}
