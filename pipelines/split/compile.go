package split

import (
	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

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
		if s.gather, t = compileGather(b, agg, inner.Body()); s.gather == nil {
			return nil
		}
		b.Flow.SetBody(t)
	}
	if s.each == nil {
		return nil
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
