// Package alert tells people what they must know: the rules of the section `alerts`, which are formulas over the figures of
// the hub. An alert is raised once, held while its rule is true, and cleared once, whichever of the hubs on one store looks:
// what is known of the alerts is one record, which is written in the same unit as the messages that tell of them.
package alert

import (
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Key is the top-level key of alerts, and the name of the pipeline that looks at them.
const Key = "alerts"

// Queue is where the clock of the looks lies.
const Queue = Key + "!clock"

// Section is the key `alerts:`.
func Section() pipelines.Section {
	return pipelines.Section{Key: Key, Declare: declare, Compile: compile}
}

type options struct {
	When     *yamlfile.Node `yaml:"when" required:"true" doc:"condition over the figures of the hub"`
	For      time.Duration  `yaml:"for" doc:"how long it must be true before the alert is raised"`
	Hold     time.Duration  `yaml:"hold" default:"30s" doc:"how long it must not be true before the alert is cleared"`
	Again    time.Duration  `yaml:"again" min:"1m" doc:"how often it is told again while it is not cleared; left out: never"`
	Severity string         `yaml:"severity" default:"warning" oneof:"critical|warning|info" doc:"how soon somebody must look"`
	Text     *yamlfile.Node `yaml:"text" doc:"what is told; a formula sees the figures, too. Left out: the condition"`
}

// ofSend are the keys of an alert that belong to the message that it sends.
var ofSend = []string{"send", "with", "headers", "expires", "format"}

// Rule is an entry of `alerts:`.
type Rule struct {
	options
	Name string
	Line string // file:line

	holds *pipelines.Condition
	text  *pipelines.Value
	send  hub.Step // nil: nobody is told but who asks

	node   *yamlfile.Node
	broken bool // it has faults of its own, which are reported
}

// Alerts are the rules of a plan.
type Alerts struct {
	Rules []*Rule // in the order of the file

	pipeline *pipelines.Pipeline
	plan     *pipelines.Plan
}

// Of are the alerts of a plan; nil when it has none.
func Of(p *pipelines.Plan) *Alerts {
	a, _ := p.Section(Key).(*Alerts)
	return a
}

// Rule finds a rule by name; nil when there is none.
func (a *Alerts) Rule(name string) *Rule {
	return pipelines.Find(a.Rules, func(r *Rule) bool { return r.Name == name })
}

// Names are the names of the rules, in the order of the file.
func (a *Alerts) Names() []string {
	return pipelines.Names(a.Rules, func(r *Rule) string { return r.Name })
}

func declare(s *pipelines.SectionBuild) {
	a := &Alerts{plan: s.Plan()}
	s.Keep(a)
	for key, n := range s.Node.Entries() {
		pipelines.CheckName(key, key.Raw(), "alert")
		r := &Rule{Name: key.Raw(), Line: key.Line(), node: n}
		before := s.Faults()
		n.Decode(&r.options, "alert", ofSend...)
		r.broken = s.Faults() > before
		a.Rules = append(a.Rules, r)
	}
	a.pipeline = s.Pipeline(s.Node.Root().KeyNode(Key), Queue)
}

// severities, the most urgent first.
var severities = []string{"critical", "warning", "info"}

// shapeOf is what the message of an alert holds.
var shapeOf = shape.ObjectType(
	shape.Field{Name: "alert", Type: shape.StringType, Required: true},
	shape.Field{Name: "state", Type: shape.EnumOf(raised, again, cleared), Required: true},
	shape.Field{Name: "severity", Type: shape.EnumOf(severities...), Required: true},
	shape.Field{Name: "text", Type: shape.StringType, Required: true},
	shape.Field{Name: "since", Type: shape.StringType, Required: true},
	shape.Field{Name: "at", Type: shape.StringType, Required: true},
)

// compile makes the rules when all that they may name is known.
func compile(s *pipelines.SectionBuild) {
	a := Of(s.Plan())
	if a.pipeline == nil {
		return
	}
	scope := s.Scope().Without("body", "headers", "id", "key", "correlation", "time")
	for name, f := range a.functions() {
		scope = scope.WithFunc(name, f)
	}
	for _, r := range a.Rules {
		a.compileRule(s, r, scope)
	}
	stage := a.pipeline.Stages[0]
	stage.Name, stage.Lanes, stage.Clock, stage.React, stage.Run = Key+" clock", 1, true, pipelines.Patiently, hub.Run(&look{a})
}

func (a *Alerts) compileRule(s *pipelines.SectionBuild, r *Rule, scope *formula.Scope) {
	b := s.Build(a.pipeline, r.node, scope)
	b.Where = Key + "/" + r.Name
	if r.When != nil {
		r.holds = b.Condition(r.When, scope)
	}
	if r.Text != nil {
		r.text = b.Value(r.Text, scope, shape.StringType)
	}
	if r.broken {
		return
	}
	if r.node.Get("send") != nil {
		send := s.Build(a.pipeline, r.node, s.Scope())
		send.Flow.SetBody(shapeOf)
		own, _ := yamlfile.Fields(&r.options)
		r.send = send.One(r.node, r.Name+"/", own...).Run
		return
	}
	for _, k := range ofSend {
		if key := r.node.KeyNode(k); key != nil {
			key.Errorf("E281", "add send: and a channel, or send: {mail: …}", "`%s` belongs to `send`, and this alert sends nothing", k)
		}
	}
}
