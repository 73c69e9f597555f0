// Package scattergather is Scatter-Gather: it asks several at the same time,
// waits for their answers for a while, and goes on with what came.
package scattergather

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Pattern is the verb `scatter_gather`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "scatter_gather",
		Modifiers: []string{"with", "headers", "as", "timeout"}, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always,
		Asks: func(step *yamlfile.Node) []*yamlfile.Node { return step.Get("scatter_gather").Get("to").Items() }}
}

type options struct {
	To   []*yamlfile.Node `yaml:"to" required:"true" min:"1" max:"64" doc:"operations and pipelines to ask, all at the same time"`
	Wait time.Duration    `yaml:"wait" min:"1ms" max:"1h" doc:"how long answers are waited for; without it as long as the calls take"`
	Need int              `yaml:"need" min:"0" doc:"answers without which the step fails; default: all"`
	With *yamlfile.Node   `yaml:"with" doc:"what is asked; default: the body"`
	Give *yamlfile.Node   `yaml:"give" doc:"the result; sees replies, size and failures; default: the list of replies"`
}

var failureShape = shape.ObjectType(
	shape.Field{Name: "to", Type: shape.StringType, Required: true},
	shape.Field{Name: "class", Type: shape.StringType, Required: true},
	shape.Field{Name: "message", Type: shape.StringType, Required: true},
)

func compile(b *pipelines.Build) hub.Step {
	needed := b.Node.Get("need") != nil
	var o options
	b.Node.Decode(&o, "scatter_gather")
	with := o.With
	if beside := b.Modifier("with"); beside != nil {
		if with != nil {
			b.Step.KeyNode("with").Errorf("E276", "remove one of them", "this step has two `with`")
		}
		with = beside
	}
	a := &asker{site: b.Site, wait: o.Wait, need: o.Need}
	if !needed {
		a.need = len(o.To)
	}
	if len(o.To) > 0 && a.need > len(o.To) {
		b.Node.Get("need").Errorf("E276", fmt.Sprintf("write need: %d, or ask more", len(o.To)), "%d answers are needed, but only %d are asked", a.need, len(o.To))
	}
	a.requests(b, o.To, with)
	give, t := b.Give(o.Give, b.Flow.Scope, shape.Field{Name: "replies", Type: shape.ArrayOf(shape.AnyType)},
		shape.Field{Name: "size", Type: shape.NumberType}, shape.Field{Name: "failures", Type: shape.ArrayOf(failureShape)})
	a.give, a.into = give, b.Result(t)
	return a
}

// requests compiles the requests.
func (a *asker) requests(b *pipelines.Build, to []*yamlfile.Node, with *yamlfile.Node) {
	asked := map[string]int{}
	for _, n := range to {
		r := b.Request(n, with)
		if r == nil {
			continue
		}
		suffix := "." + strings.ReplaceAll(r.Name, " ", ".")
		if asked[suffix]++; asked[suffix] > 1 {
			suffix = fmt.Sprintf("%s~%d", suffix, asked[suffix])
		}
		a.targets = append(a.targets, target{r, suffix})
	}
}

type asker struct {
	site    pipelines.Site
	targets []target
	wait    time.Duration // 0: as long as the calls take
	need    int
	give    *pipelines.Give
	into    pipelines.Result
}

type target struct {
	ask    *pipelines.Request
	suffix string // tells the calls of this step apart
}

// answer is what became of one call.
type answer struct {
	of    int // index of the target
	fork  *hub.Exchange
	value doc.Value
	err   error
}

// Process asks all, gathers, and goes on with the result.
func (a *asker) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	got, late, err := a.ask(ctx, x)
	if err != nil {
		return err
	}
	for _, r := range got { // in the order of `to`: the same unit whatever the order of the answers
		if r != nil {
			x.Join(r.fork)
		}
	}
	for _, of := range late {
		a.site.Note(x, began, "late_reply", a.targets[of].ask.Name)
	}
	replies, failures := a.sort(got)
	if len(replies) < a.need {
		return a.tooFew(got, len(replies))
	}
	a.site.Note(x, began, "gathered", fmt.Sprintf("%d of %d", len(replies), len(a.targets)))
	result, err := a.give.Of(x, doc.ListOf(replies), doc.IntValue(int64(len(replies))), doc.ListOf(failures))
	if err != nil {
		return err
	}
	a.into.Put(x, result)
	return next(ctx, x)
}

// sort parts the answers into replies and failures; a call without an answer is a failure of class timeout.
func (a *asker) sort(got []*answer) (replies, failures []doc.Value) {
	replies = []doc.Value{}
	for i, r := range got {
		if r != nil && r.err == nil {
			replies = append(replies, r.value)
			continue
		}
		class, why := hub.Timeout, "no answer within "+a.wait.String()
		if r != nil {
			e := hub.AsError(r.err)
			class, why = e.Class, e.Error()
		}
		failures = append(failures, doc.ObjectOf([]doc.Field{
			{Name: "to", Value: doc.StringValue(a.targets[i].ask.Name)},
			{Name: "class", Value: doc.StringValue(string(class))},
			{Name: "message", Value: doc.StringValue(why)},
		}))
	}
	return replies, failures
}

// tooFew names who failed and why.
func (a *asker) tooFew(got []*answer, have int) error {
	class, reason := hub.Unavailable, "too_few_replies"
	var why []string
	for i, r := range got {
		switch name := a.targets[i].ask.Name; {
		case r == nil:
			class = hub.Timeout
			why = append(why, name+": no answer within "+a.wait.String())
		case r.err != nil:
			why = append(why, name+": "+r.err.Error())
		}
	}
	return hub.Fail(class, reason, "%d of %d answered, %d needed: %s", have, len(got), a.need, strings.Join(why, "; "))
}
