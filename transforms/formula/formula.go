// Package formula compiles formulas: the expressions of the configuration, in the grammar of expr-lang, with exact decimals, types that are
// checked at load, and a budget. README.md beside this file lists the functions.
//
// Of expr-lang only the parser and its tree are used. A formula becomes Go closures over doc.Value; nothing is reflected. A closure that can't
// go on panics with its *RunError, as the parts of a text/template do; Eval and Bool give it back as their error, so that no closure has to
// look at the faults of its parts.
package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// Formula is a compiled formula. It is immutable and safe for concurrent use, each goroutine with its own Frame.
type Formula struct {
	src    string
	root   *node
	eval   value
	test   test
	slots  int
	impure bool
	plain  bool // a path or a constant: it costs no budget, needs no slots, and leaves its fault in the frame
	built  bool // the result may be a computed list or object: it is weighed
	reads  Reads
}

// Type is the type of the result.
func (f *Formula) Type() *shape.Type { return f.root.typ }

// Source is the formula's text.
func (f *Formula) Source() string { return f.src }

// Const is the value of a formula that reads nothing.
func (f *Formula) Const() (doc.Value, bool) { return f.root.v, f.root.konst }

// Pure tells that the result depends on nothing but the message, the variables and the locals: no now(), no table().
func (f *Formula) Pure() bool { return !f.impure }

// Eval is the formula's value on the frame. The error is a *RunError.
func (f *Formula) Eval(fr *Frame) (doc.Value, error) {
	if !f.plain {
		return f.run(fr)
	}
	v := f.eval(fr)
	if fault := fr.fault; fault != nil {
		fr.fault = nil
		return doc.Value{}, fault
	}
	return v, nil
}

func (f *Formula) run(fr *Frame) (v doc.Value, err error) {
	outer, nested := fr.begin(f.slots)
	defer fr.end(outer, nested, &err)
	out := f.eval(fr)
	if f.built && out.Kind() >= doc.Array {
		f.root.within(fr, fr.weigh(out))
	}
	return out, nil
}

// Bool is the answer of a condition: true or false, and nothing else; null or a missing field is an error that says so.
func (f *Formula) Bool(fr *Frame) (ok bool, err error) {
	outer, nested := fr.begin(f.slots)
	defer fr.end(outer, nested, &err)
	return f.test(fr), nil
}

// Compile reads, checks and compiles a formula. Either the Formula or all the faults that could be found are returned.
func Compile(src string, s *Scope) (*Formula, []*Error) {
	f, c, errs := compile(src, s)
	if errs != nil {
		return nil, errs
	}
	return f, c.sorted()
}

// CompileBool is Compile for a condition: its type must be bool, or unknown.
func CompileBool(src string, s *Scope) (*Formula, []*Error) {
	f, c, errs := compile(src, s)
	if errs != nil {
		return nil, errs
	}
	if t := f.Type(); !t.IsAny() && !t.Is(shape.Bool) {
		c.fault(f.root.place, conditionHelp(f.root), "a condition must be true or false, this is %s", t.Describe())
		return nil, c.sorted()
	}
	return f, nil
}

func conditionHelp(n *node) string {
	switch {
	case n.typ.Is(shape.Array):
		return "compare it: len(" + n.text() + ") > 0"
	case n.typ.Is(shape.Number), n.typ.Is(shape.String):
		return "compare it with == or another operator"
	}
	return ""
}

func compile(src string, s *Scope) (*Formula, *compiler, []*Error) {
	t, tree, fault := parse(src)
	if fault != nil {
		return nil, nil, []*Error{fault}
	}
	c := &compiler{text: t, scope: s}
	root := c.node(tree)
	if len(c.errs) > 0 {
		return nil, nil, c.sorted()
	}
	f := &Formula{
		src: src, root: root, eval: root.val, test: root.test(), slots: c.maxSlots, impure: c.impure, plain: root.path != nil || root.konst,
		built: root.path == nil && (root.typ.IsAny() || root.typ.Kind >= shape.Array),
		reads: readsOf(tree),
	}
	if root.path != nil {
		f.eval = root.path.compile(func(fr *Frame, fault *RunError) { fr.fault = fault })
	}
	return f, c, nil
}
