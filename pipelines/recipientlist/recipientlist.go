// Package recipientlist is Recipient List: a formula names those, of a declared set, who get the message; their answers are gathered.
package recipientlist

import (
	"context"
	"slices"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/choice"
	"orderhub/pipelines/gather"
	"orderhub/pipelines/yamlfile"
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
	to   *choice.Choice
	step *gather.Step
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Options: gather.Defaults()}
	b.Node.Decode(&o, "recipient_list")
	if !o.Among.Is(yamlfile.Map, "E279", "write among: {east: east.reserve, west: {send: west-orders}}", "those that may be named are a map of names") {
		return nil
	}
	return &list{choice.New(b, o.To, "recipient", choice.Names(o.Among)), gather.New(b, "distributed", o.Among, true, o.Options)}
}

// Process gives the message to those that the formula names, each once.
func (l *list) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	chosen, err := l.to.Of(x)
	if err != nil {
		return err
	}
	slices.Sort(chosen) // the same unit whatever the order of the names
	return l.step.Ask(ctx, x, slices.Compact(chosen), next)
}
