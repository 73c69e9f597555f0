// Package gather asks several at the same time, waits for their answers for a while, and goes on with what came: what Scatter-Gather and
// Recipient List have in common.
package gather

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/choice"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Options are those of a step that gathers.
type Options struct {
	Wait time.Duration  `yaml:"wait" min:"1ms" max:"1h" doc:"how long answers are waited for, and a call may take at most; without it as long as the calls take"`
	Need int            `yaml:"need" min:"0" doc:"answers without which the step fails; default: all that are asked"`
	With *yamlfile.Node `yaml:"with" doc:"what they are asked or get; default: the body"`
	Give *yamlfile.Node `yaml:"give" doc:"the result; sees replies, answers (by name), size and failures; default: the list of replies"`
}

// Defaults are the Options of a step that says nothing.
func Defaults() Options { return Options{Need: all} }

const all = -1 // the Need of a step that needs an answer of each that it asks

// Pattern is a verb whose recipients stand under the key to.
func Pattern(verb, to string, compile func(b *pipelines.Build) hub.Step) pipelines.Pattern {
	return pipelines.Pattern{Verb: verb, Modifiers: []string{"with", "headers", "as", "timeout"}, Compile: compile, Process: true, Passes: pipelines.PassesAll.Always,
		Asks: func(step *yamlfile.Node) []*yamlfile.Node { return Asked(step.Get(verb).Get(to)) }}
}

// Step asks recipients.
type Step struct {
	site       pipelines.Site
	what       string // what the history has of it
	recipients []recipient
	Options
	give *pipelines.Give
	into pipelines.Result
}

// recipient is one that may be asked, or, with send, that gets a message and gives no answer.
type recipient struct {
	name string
	ask  *pipelines.Request
	send *pipelines.Sender
	site pipelines.Site
}

// answer is what became of one recipient.
type answer struct {
	of    int // index of the recipient
	fork  *hub.Exchange
	value doc.Value
	err   error
}

var failureShape = shape.ObjectType(
	shape.Field{Name: "to", Type: shape.StringType, Required: true},
	shape.Field{Name: "class", Type: shape.StringType, Required: true},
	shape.Field{Name: "message", Type: shape.StringType, Required: true},
)

// Asked is what the recipients of `to` ask.
func Asked(to *yamlfile.Node) (list []*yamlfile.Node) {
	for _, n := range choice.Entries(to) {
		if a := choice.Asked(n); a != nil {
			list = append(list, a)
		}
	}
	return list
}

// New compiles a step. to has its recipients: a list of operations and pipelines, or a map that names them, each as a text or as
// {call: …, with: …} with modifiers of its own; sends: or {send: …}. what is what the history has of it.
func New(b *pipelines.Build, what string, to *yamlfile.Node, sends bool, o Options) *Step {
	if beside := b.Modifier("with"); beside != nil {
		if o.With != nil {
			b.Step.KeyNode("with").Errorf("E276", "remove one of them", "this step has two `with`")
		}
		o.With = beside
	}
	if to.Kind() == yamlfile.Scalar {
		to.Errorf("E276", "write [shipping.quote, courier.quote], or {fast: courier.quote, slow: shipping.quote}", "several are asked: a list, or a map of names")
	}
	s := &Step{site: b.Site, what: what, Options: o}
	answers := s.compile(b, to, sends)
	give, t := b.Give(o.Give, b.Flow.Scope, shape.Field{Name: "replies", Type: shape.ArrayOf(shape.AnyType)}, shape.Field{Name: "answers", Type: answers},
		shape.Field{Name: "size", Type: shape.NumberType}, shape.Field{Name: "failures", Type: shape.ArrayOf(failureShape)})
	s.give, s.into = give, b.Result(t)
	return s
}

// compile compiles the recipients, and gives the type of their answers by name.
func (s *Step) compile(b *pipelines.Build, to *yamlfile.Node, sends bool) *shape.Type {
	var fields []shape.Field
	for name, n := range choice.Entries(to) {
		r := s.recipient(b, name, n, sends)
		if r == nil {
			return shape.AnyType
		}
		s.recipients = append(s.recipients, *r)
		if r.ask != nil {
			fields = append(fields, shape.Field{Name: name, Type: r.ask.Type()})
		}
	}
	return shape.ObjectType(fields...)
}

func (s *Step) recipient(b *pipelines.Build, name string, n *yamlfile.Node, sends bool) *recipient {
	in := b.Recipient(n, name)
	r := &recipient{name: name, site: in.Site}
	switch {
	case n.Kind() != yamlfile.Map:
		r.ask = in.Request(n, s.With)
	case sends && n.Get("send") != nil:
		n.Allow("recipient", "send", "with", "headers", "expires", "format")
		if r.send = in.Sender(n.Get("send")); r.send == nil {
			return nil
		}
		return r
	default:
		n.Allow("recipient", "call", "with", "headers", "timeout")
		with := n.Get("with")
		if with == nil {
			with = s.With
		}
		if call := n.Get("call"); call != nil {
			r.ask = in.Request(call, with)
		} else {
			n.Errorf("E230", "write {call: OPERATION, with: …}", "the recipient %s says nothing of whom is asked", name)
		}
	}
	if r.ask == nil {
		return nil
	}
	if s.Wait > 0 {
		r.ask.Within(s.Wait)
	}
	return r
}

// Process asks all, gathers, and goes on with the result.
func (s *Step) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	all := make([]int, len(s.recipients))
	for i := range all {
		all[i] = i
	}
	return s.Ask(ctx, x, all, next)
}

// Ask asks those of the recipients that are chosen, by their indices, gathers, and goes on with the result.
func (s *Step) Ask(ctx context.Context, x *hub.Exchange, chosen []int, next hub.Next) error {
	began := x.Clock()
	got, late, err := s.ask(ctx, x, chosen)
	if err != nil {
		return err
	}
	asked := 0
	for i, r := range got { // in the order of the recipients: the same unit whatever the order of the answers
		if r != nil {
			x.Join(r.fork)
		}
		if s.recipients[chosen[i]].ask != nil {
			asked++
		}
	}
	for _, of := range late {
		s.site.Note(x, began, "late_reply", s.recipients[of].name)
	}
	o := s.sort(chosen, got)
	if need := s.Need; len(o.replies) < need || need == all && len(o.replies) < asked {
		return o.tooFew(asked, need)
	}
	s.site.Note(x, began, s.what, fmt.Sprintf("%d of %d", len(o.replies), asked))
	result, err := s.give.Of(x, doc.ListOf(o.replies), doc.ObjectOf(o.answers), doc.IntValue(int64(len(o.replies))), doc.ListOf(o.failures))
	if err != nil {
		return err
	}
	s.into.Put(x, result)
	return next(ctx, x)
}

// outcome is what came of all that were asked.
type outcome struct {
	replies  []doc.Value // in the order of the recipients
	answers  []doc.Field // the same by name
	failures []doc.Value
	class    hub.Class // of the error, if they are too few
	why      []string
}

// sort parts the answers into replies and failures; a call without an answer is a failure of class timeout.
func (s *Step) sort(chosen []int, got []*answer) outcome {
	o := outcome{replies: []doc.Value{}, class: hub.Unavailable}
	for i, r := range got {
		to := &s.recipients[chosen[i]]
		if r != nil && r.err == nil {
			if to.ask != nil {
				o.replies = append(o.replies, r.value)
				o.answers = append(o.answers, doc.Field{Name: to.name, Value: r.value})
			}
			continue
		}
		class, why := hub.Timeout, "no answer within "+s.Wait.String()
		if r != nil {
			e := hub.AsError(r.err)
			class, why = e.Class, e.Error()
		} else {
			o.class = hub.Timeout
		}
		o.why = append(o.why, to.name+": "+why)
		o.failures = append(o.failures, doc.ObjectOf([]doc.Field{
			{Name: "to", Value: doc.StringValue(to.name)},
			{Name: "class", Value: doc.StringValue(string(class))},
			{Name: "message", Value: doc.StringValue(why)},
		}))
	}
	return o
}

// tooFew names who failed and why.
func (o *outcome) tooFew(asked, need int) error {
	if need == all {
		need = asked
	}
	return hub.Fail(o.class, "too_few_replies", "%d of %d answered, %d needed: %s", len(o.replies), asked, need, strings.Join(o.why, "; "))
}
