// Package split is the Splitter and, with `aggregate`, the Composed Message
// Processor: one message becomes one per element of a list, and the results
// may come together again.
package split

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `split`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "split", Modifiers: []string{"aggregate"}, Compile: compile,
		Passes: passes, Inner: inner}
}

type options struct {
	Each      *yamlfile.Node `yaml:"each" required:"true" doc:"formula: the list; each element becomes a message"`
	Parallel  int            `yaml:"parallel" default:"1" min:"1" max:"64" doc:"children at a time"`
	As        string         `yaml:"as" doc:"variable that keeps the element, whatever the steps make of the body"`
	Steps     *yamlfile.Node `yaml:"steps" doc:"what is done with each child"`
	Aggregate *yamlfile.Node `yaml:"aggregate" doc:"brings the children together again: {give: …}"`
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Parallel: 1}
	if b.Node.Kind() == yamlfile.Scalar {
		o.Each = b.Node
	} else {
		b.Node.Decode(&o, "split")
	}
	if o.Each == nil {
		return nil
	}
	s := &splitter{site: b.Site, parallel: o.Parallel, suffix: suffixOf(b.Where)}
	s.each = b.Expr(o.Each, b.Flow.Scope)
	body, elem := b.Flow.Body(), shape.AnyType
	if s.each != nil {
		elem = elementOf(o.Each, s.each.Type(), s.each.Source())
	}
	inner := b.Flow.Branch()
	inner.SetVar("parent", body)
	inner.SetBody(elem)
	if o.As != "" {
		if s.as = pipelines.Variable(b.Node.Get("as")); s.as != "" {
			inner.SetVar(s.as, elem)
		}
	}
	if o.Steps != nil {
		s.steps = b.Steps(o.Steps, inner)
	}
	agg := o.Aggregate
	if beside := b.Modifier("aggregate"); beside != nil {
		if agg != nil {
			b.Step.KeyNode("aggregate").Errorf("E270", "remove one of them", "this split has two `aggregate`")
		}
		agg = beside
	}
	if agg == nil {
		b.Flow.Scope = inner.Scope
	} else {
		var t *shape.Type
		s.gather, t = compileGather(b, agg, inner.Body())
		b.Flow.SetBody(t)
	}
	return s
}

// elementOf is the type of a list's elements.
func elementOf(n *yamlfile.Node, t *shape.Type, source string) *shape.Type {
	switch {
	case t.IsAny():
		return shape.AnyType
	case t.Is(shape.Array):
		return t.Element()
	}
	n.Errorf("E302", "name a list, as body.items", "%s is %s, and a split needs a list", source, t.Describe())
	return shape.AnyType
}

// passes: each child goes on for itself, and a list may be empty; an aggregate goes on in any case.
func passes(step *yamlfile.Node, _ pipelines.Passing) pipelines.Passing {
	if step.Get("aggregate") != nil || step.Get("split").Get("aggregate") != nil {
		return pipelines.PassesAll
	}
	return pipelines.PassesFewer
}

// inner are the steps of a child.
func inner(step *yamlfile.Node) []*yamlfile.Node { return step.Get("split").Get("steps").Items() }

// maxChildren bounds what one message may become.
const maxChildren = 10_000

type splitter struct {
	site     pipelines.Site
	each     *pipelines.Expr
	parallel int
	as       string
	steps    hub.Step        // nil: none
	suffix   string          // tells the children of several splits of one message apart
	gather   *pipelines.Give // nil: each child goes on for itself
}

// Process makes the children and runs each; with gather the message itself goes on with their results.
func (s *splitter) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	elems, err := s.elements(x)
	if err != nil {
		return err
	}
	s.site.Note(x, began, "split", strconv.Itoa(len(elems)))
	if s.gather == nil {
		return s.run(ctx, x, elems, func(int) hub.Next { return next })
	}
	results := make([][]doc.Value, len(elems))
	err = s.run(ctx, x, elems, func(i int) hub.Next {
		results[i] = nil
		return func(_ context.Context, child *hub.Exchange) error {
			v, err := bodyOf(child.Msg)
			results[i] = append(results[i], v)
			return err
		}
	})
	if err != nil {
		return err
	}
	if err := s.into(x, results); err != nil {
		return err
	}
	s.site.Note(x, began, "gathered", fmt.Sprintf("%d of %d", answered(results), len(elems)))
	return next(ctx, x)
}

// elements evaluates the list; null and missing are an empty one.
func (s *splitter) elements(x *hub.Exchange) ([]doc.Value, error) {
	v, err := s.each.Value(formula.NewFrame(x))
	if err != nil || v.IsNull() {
		return nil, err
	}
	if v.Kind() != doc.Array {
		return nil, hub.Fail(hub.Invalid, "no_list", "%s is %s, not a list", s.each.Source(), v.Kind())
	}
	if v.Len() > maxChildren {
		return nil, hub.Fail(hub.Invalid, "too_many_children", "%s has %d elements; a message is split into %d at most", s.each.Source(), v.Len(), maxChildren)
	}
	return doc.Items(v), nil
}

// child is message number i of n, with the variables that its steps see.
func (s *splitter) child(x *hub.Exchange, i, n int, elem doc.Value, vars hub.Vars) (*hub.Message, hub.Vars) {
	m := x.Msg.Child(strconv.Itoa(i+1) + s.suffix)
	m.Headers = m.Headers.With(hub.HeaderSequence, strconv.Itoa(i+1)+"/"+strconv.Itoa(n))
	m.Body = hub.DocumentBody(elem)
	if s.as != "" {
		vars = vars.With(s.as, elem)
	}
	return m, vars
}

// suffixOf is "" for the first split of a pipeline, "~2" for the second.
func suffixOf(where string) string {
	if i := strings.LastIndexByte(where, '~'); i >= 0 && i > strings.LastIndexByte(where, '/') {
		return where[i:]
	}
	return ""
}

func bodyOf(m *hub.Message) (doc.Value, error) {
	if m.Body == (hub.Body{}) {
		return doc.NullValue(), nil
	}
	return m.Body.Doc()
}

// compileGather reads `aggregate: {give: …}` of a split, the aggregating end of a Composed Message Processor. elem is
// the type of the children's bodies, t that of the body behind it; nil: there were problems.
func compileGather(b *pipelines.Build, n *yamlfile.Node, elem *shape.Type) (g *pipelines.Give, t *shape.Type) {
	if k := n.Kind(); k != yamlfile.Null && k != yamlfile.Map {
		n.Errorf("E270", "write aggregate: {give: {parcels: =bodies}}", "`aggregate` of a split is a map with `give`")
		return nil, shape.AnyType
	}
	n.Allow("aggregate of a split", "give")
	return b.Give(n.Get("give"), b.Flow.Scope, shape.Field{Name: "bodies", Type: shape.ArrayOf(elem)}, shape.Field{Name: "size", Type: shape.NumberType})
}

// into makes the children's results the body of x.
func (s *splitter) into(x *hub.Exchange, results [][]doc.Value) error {
	bodies := slices.Concat(results...)
	body, err := s.gather.Of(x, doc.ListOf(bodies), doc.IntValue(int64(len(bodies))))
	if err != nil {
		return err
	}
	x.Msg = x.Msg.WithBody(hub.DocumentBody(body))
	return nil
}

// answered counts the children that came to an end.
func answered(results [][]doc.Value) (n int) {
	for _, r := range results {
		if len(r) > 0 {
			n++
		}
	}
	return n
}
