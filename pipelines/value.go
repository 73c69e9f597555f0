package pipelines

import (
	"cmp"
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

// Formula compiles the text of n, with or without its `=`, and reports what is
// wrong with it where it stands. nil: there were problems, or n is.
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

// Expr is a formula with its place: keys, lists, texts.
type Expr struct {
	*formula.Formula
	line string // file:line:col
}

// Expr compiles n as a formula; nil: there were problems, or n is.
func (b *Build) Expr(n *yamlfile.Node, scope *formula.Scope) *Expr {
	f := Formula(n, scope)
	if f == nil {
		return nil
	}
	return &Expr{f, n.LineCol()}
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

// Condition is a formula that is true or false.
type Condition struct{ *Expr }

// Condition compiles a formula that must be true or false.
func (b *Build) Condition(n *yamlfile.Node, scope *formula.Scope) *Condition {
	f := b.Expr(n, scope)
	if f == nil {
		return nil
	}
	if t := f.Type(); !t.IsAny() && t.Kind != shape.Bool {
		n.Errorf("E302", "compare it with something: "+f.Source()+" == …", "a condition is true or false, this is %s", t.Kind)
		return nil
	}
	return &Condition{f}
}

// Source is the formula's text; "" of no condition.
func (c *Condition) Source() string {
	if c == nil {
		return ""
	}
	return c.Expr.Source()
}

// Holds evaluates it.
func (c *Condition) Holds(fr *formula.Frame) (bool, error) {
	ok, err := c.Bool(fr)
	if err != nil {
		return false, failAt(c.line, err)
	}
	return ok, nil
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

// Key evaluates it as a key of the store's records; what says the kind of.
func (e *Expr) Key(fr *formula.Frame, what string) (string, error) {
	key, err := e.Text(fr)
	if err == nil {
		err = CheckKey(what, key, MaxKey)
	}
	return key, err
}

// Scalar compiles a formula that gives a text or a number. what is said of any other type, example is a field to name instead.
func (b *Build) Scalar(n *yamlfile.Node, what, example string, refused ...shape.Kind) *Expr {
	e := b.Expr(n, b.Flow.Scope)
	if e == nil {
		return nil
	}
	for _, kind := range append(refused, shape.Object, shape.Array) {
		if t := e.Type(); t.Is(kind) {
			n.Errorf("E302", "name a field, as "+example, "%s, this is %s", what, t.Describe())
			break
		}
	}
	return e
}

// MaxKey bounds the keys of records, in characters.
const MaxKey = 255

// CheckKey refuses a key, which what says the kind of, with more characters than limit.
func CheckKey(what, key string, limit int) error {
	if utf8.RuneCountInString(key) <= limit {
		return nil
	}
	return hub.Fail(hub.Invalid, "key_too_long", "the %s %s… is longer than %d characters", what, string([]rune(key)[:40]), limit).Tell()
}

// Value is a literal, a formula, or a target-shaped tree of both.
type Value struct{ m *mapping.Mapping }

// Value compiles n; target (nil: any) is what its result must fit. nil: there were problems, or n is.
func (b *Build) Value(n *yamlfile.Node, scope *formula.Scope, target *shape.Type) *Value {
	if n == nil {
		return nil
	}
	before := b.plan.problems.Errors()
	t := b.tree(n)
	if b.plan.problems.Errors() > before {
		return nil
	}
	m, errs := mapping.Compile(t, scope, target)
	for _, e := range errs {
		at, _ := e.Pos.(*yamlfile.Node)
		at = cmp.Or(at, n)
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

// Type is what Apply gives; any value of one that has a fault, which is nil.
func (v *Value) Type() *shape.Type {
	if v == nil {
		return shape.AnyType
	}
	return v.m.Type()
}

// Give is what a step makes of several results: a value that sees the list of them and what
// else is known of them, or the list itself.
type Give struct {
	value *Value // nil: the list
	slots []int  // of what is known
}

// Give compiles n, which may be nil. known are the names that it sees beside those of scope, the list first; t is the
// type of what it gives.
func (b *Build) Give(n *yamlfile.Node, scope *formula.Scope, known ...shape.Field) (g *Give, t *shape.Type) {
	g = &Give{slots: make([]int, len(known))}
	if n == nil {
		return g, known[0].Type
	}
	for i, f := range known {
		scope, g.slots[i] = scope.WithLocal(f.Name, f.Type)
	}
	g.value = b.Value(n, scope, nil)
	return g, g.value.Type()
}

// Of gives it of what is known, in the order that Give was told.
func (g *Give) Of(x *hub.Exchange, known ...doc.Value) (doc.Value, error) {
	if g.value == nil {
		return known[0], nil
	}
	fr := formula.NewFrame(x)
	for i, v := range known {
		fr.Local(g.slots[i], v)
	}
	return g.value.Apply(fr)
}

// Result is where a step puts what it was answered: the variable of its `as:`; "": the body.
type Result string

// Result compiles `as:` for a result of type t.
func (b *Build) Result(t *shape.Type) Result {
	as := b.As()
	if as != "" {
		b.Flow.SetVar(as, t)
	} else {
		b.Flow.SetBody(t)
	}
	return Result(as)
}

// Put puts it.
func (r Result) Put(x *hub.Exchange, v doc.Value) {
	if r != "" {
		x.Vars = x.Vars.With(string(r), v)
	} else {
		x.Msg = x.Msg.WithBody(hub.DocumentBody(v))
	}
}

// fail makes a run-time error of a mapping an invalid message that names the line.
func fail(err error) error {
	if e, ok := err.(*mapping.RunError); ok {
		n, _ := e.Pos.(*yamlfile.Node)
		return failAt(n.LineCol(), e.Err)
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

// tree turns YAML into a mapping: scalars with `=` are formulas, `$each`,
// `$when` and `$value` are the mapping's words, all else is literal.
func (b *Build) tree(n *yamlfile.Node) *mapping.Tree {
	switch n.Kind() {
	case yamlfile.Map:
		return b.mapTree(n)
	case yamlfile.List:
		t := &mapping.Tree{Pos: n, Kind: mapping.Array}
		for _, item := range n.Items() {
			t.Items = append(t.Items, b.tree(item))
		}
		return t
	case yamlfile.Null:
		return &mapping.Tree{Pos: n, Kind: mapping.Literal, Literal: doc.NullValue()}
	}
	if n.IsFormula() {
		text, _ := n.Text()
		return &mapping.Tree{Pos: n, Kind: mapping.Formula, Formula: text[1:]}
	}
	n.WarnIfFormulaLike()
	v, err := doc.FromAny(n.Any())
	if err != nil {
		n.Errorf("E304", "", "%v", err)
	}
	return &mapping.Tree{Pos: n, Kind: mapping.Literal, Literal: v}
}

func (b *Build) mapTree(n *yamlfile.Node) *mapping.Tree {
	t := &mapping.Tree{Pos: n, Kind: mapping.Object}
	for key, value := range n.Entries() {
		switch name := key.Raw(); name {
		case "$each":
			t.Kind, t.Each, t.EachPos = mapping.Each, formulaOf(value), value
		case "$when":
			t.When, t.WhenPos = formulaOf(value), value
		case "$value":
			v := b.tree(value)
			if v.Kind == mapping.Literal && value.Kind() == yamlfile.Scalar { // a condition key: always a formula
				v = &mapping.Tree{Pos: value, Kind: mapping.Formula, Formula: formulaOf(value)}
			}
			t.Value = v
		default:
			if len(name) > 0 && name[0] == '$' {
				near, _ := shape.Nearest(name, []string{"$each", "$when", "$value"})
				help := "known: $each, $when, $value"
				if near != "" {
					help = `did you mean "` + near + `"?`
				}
				key.Errorf("E305", help, "unknown mapping word %q", name)
				continue
			}
			t.Fields = append(t.Fields, mapping.Field{Name: name, NamePos: key, Tree: b.tree(value)})
		}
	}
	return t
}

func formulaOf(n *yamlfile.Node) string {
	text := n.Str()
	if len(text) > 0 && text[0] == '=' {
		return text[1:]
	}
	return text
}
