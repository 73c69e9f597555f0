// Package recipientlist is Recipient List: a formula names those, of a declared set, who get the message; their answers are gathered.
package recipientlist

import (
	"context"
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/gather"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `recipient_list`.
func Pattern() pipelines.Pattern { return gather.Pattern("recipient_list", "among", compile) }

type options struct {
	To    *yamlfile.Node `yaml:"to" required:"true" doc:"a formula that gives the names of those who get the message, each once: a list of texts, or one text"`
	Among *yamlfile.Node `yaml:"among" required:"true" min:"1" max:"256" doc:"those that may be named: a map of names to operations, pipelines, {call, with, headers, timeout} or {send, with, headers, expires}"`
	gather.Options
}

// list is a compiled step.
type list struct {
	to    *pipelines.Value
	names []string // of the recipients, in their order
	step  *gather.Step
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Options: gather.Defaults()}
	b.Node.Decode(&o, "recipient_list")
	l := &list{to: b.Value(o.To, b.Flow.Scope, shape.AnyType)}
	if !o.Among.Is(yamlfile.Map, "E277", "write among: {east: east.reserve, west: {send: west-orders}}", "those that may be named are a map of names") {
		return nil
	}
	for name := range o.Among.Entries() {
		l.names = append(l.names, name.Raw())
	}
	for _, n := range append(o.To.Items(), o.To) {
		if n.Kind() == yamlfile.Scalar && !n.IsFormula() && !slices.Contains(l.names, n.Str()) {
			n.Errorf("E277", shape.DidYouMean(n.Str(), l.names), "no recipient is called %q", n.Str())
		}
	}
	l.step = gather.New(b, "distributed", o.Among, true, o.Options)
	return l
}

// Process gives the message to those that the formula names.
func (l *list) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	v, err := l.to.Apply(formula.NewFrame(x))
	if err != nil {
		return err
	}
	if v.Kind() != doc.Array {
		v = doc.ListOf([]doc.Value{v})
	}
	var chosen []int
	for _, name := range v.Elems() {
		i := slices.Index(l.names, name.Str())
		switch {
		case name.IsNull():
		case name.Kind() != doc.String:
			return hub.Fail(hub.Invalid, "no_recipient", "a recipient is named by a text, and this is %s", name.Kind())
		case i < 0:
			return hub.Fail(hub.Invalid, "unknown_recipient", "no recipient is called %q: %s", name.Str(), shape.Known(name.Str(), l.names))
		case !slices.Contains(chosen, i):
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen) // the same unit whatever the order of the names
	return l.step.Ask(ctx, x, chosen, next)
}
