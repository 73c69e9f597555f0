package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// settings is an entry of `processes:`.
type settings struct {
	Version    int            `yaml:"version" default:"1" min:"1" doc:"number of this version; running instances finish on theirs, or move (in_flight)"`
	InFlight   *yamlfile.Node `yaml:"in_flight" doc:"what becomes of the instances of older versions: {v2: finish, v1: {move: {old: new}}}; default finish"`
	ID         *yamlfile.Node `yaml:"id" required:"true" doc:"formula of what starts it: its Correlation Identifier"`
	Data       *yamlfile.Node `yaml:"data" required:"true" doc:"schema of what starts it; formulas call it by the schema's name, or {name: schema}"`
	Events     *yamlfile.Node `yaml:"events" doc:"where each state change is told: a topic channel, or a send step"`
	Milestones []string       `yaml:"milestones" doc:"states that reports measure the time between"`
	Public     *yamlfile.Node `yaml:"public" doc:"what process(name, id).public shows to the outside"`
	Receive    *yamlfile.Node `yaml:"receive" doc:"events that are taken in every state: {cancel: {goto: cancelling, until: shipped}}"`
	Errors     *yamlfile.Node `yaml:"errors" doc:"what errors lead to where a state says nothing: {rejected: {goto: review}}"`
	Desk       *yamlfile.Node `yaml:"compensation" doc:"who gets a compensation that can't succeed: {group: ops, due: 4h, retry: patient}"`
	Keep       time.Duration  `yaml:"keep" default:"90d" min:"1m" doc:"how long a closed instance is kept"`
	Early      time.Duration  `yaml:"early" default:"30d" min:"1s" doc:"how long an event waits for a state that takes it"`
	States     *yamlfile.Node `yaml:"states" required:"true" doc:"its states; the first is where it begins"`
}

// compiler makes a Process.
type compiler struct {
	s *pipelines.SectionBuild
	d *Process
	b *pipelines.Build
}

// Compile compiles the process that is declared.
func Compile(s *pipelines.SectionBuild, declared *Declaration) *Process {
	c := &compiler{s: s, d: &Process{Declaration: declared, Line: declared.Pipeline.Line}}
	d, n := c.d, declared.node
	var o settings
	n.Decode(&o, "process")
	d.Version, d.Milestones, d.Keep, d.Early = o.Version, o.Milestones, o.Keep, o.Early
	d.Text = n.Canonical()
	sum := sha256.Sum256(d.Text)
	d.Hash = hex.EncodeToString(sum[:4])
	d.scope = c.names(o, s.Scope())
	c.b = s.Build(d.Pipeline, n, d.scope)
	if d.Schema != nil {
		c.b.Hold(d.DataName, d.Schema.Shape())
	}
	d.Desk = c.desk(o.Desk)
	d.States = c.statesOf(o.States, nil)
	if len(d.States) == 0 {
		return d
	}
	d.Initial = d.States[0].Level[0]
	c.compileStates()
	d.Receive = c.reactions(o.Receive, d.scope, "", "until")
	d.Errors = c.errorsOf(o.Errors, d.scope, "")
	if o.Public != nil {
		scope := d.scope.WithVar("state", shape.StringType).WithVar("since", shape.StringType).WithVar("seen", shape.MapType(shape.StringType))
		d.Public = c.b.Value(o.Public, scope, nil)
	}
	c.eventsOf(o.Events)
	d.inFlight = c.migrations(o.InFlight)
	for _, item := range n.Get("milestones").Items() {
		c.stateName(item)
	}
	return d
}

// names are what formulas of the process see: the data, the results of all its
// steps, and what events and timers set.
func (c *compiler) names(o settings, scope *formula.Scope) *formula.Scope {
	types := map[string]*shape.Type{}
	add := func(name string, t *shape.Type) {
		if known, again := types[name]; again {
			t = shape.Join(known, t)
		}
		if pipelines.IsName(name) {
			types[name] = t
		}
	}
	for _, n := range []*yamlfile.Node{o.States, o.Receive, o.Errors, o.Desk} {
		for m := range n.All() {
			for _, f := range given(c.s, m) {
				add(f.Name, f.Type)
			}
			if item := m.Get("item"); item.Kind() == yamlfile.Scalar {
				add(item.Raw(), shape.AnyType)
			}
		}
	}
	for name, t := range types {
		scope = scope.WithVar(name, t)
	}
	t := c.d.Shape()
	return scope.WithBody(t).WithVar(c.d.DataName, t).WithVar("id", shape.StringType)
}

// given are the variables that m gives a value, if it is a step, a state or a task, with what is known of them wherever they
// are given: an answer that is declared has its type in every formula of the process.
func given(s *pipelines.SectionBuild, m *yamlfile.Node) (out []shape.Field) {
	p := s.Pattern(m)
	if as := m.Get("as"); as.Kind() == yamlfile.Scalar {
		t := shape.AnyType
		if p != nil && p.Answers != nil {
			t = s.Answer(p.Answers(m).Raw())
		}
		out = append(out, shape.Field{Name: as.Raw(), Type: t})
	}
	if m.Get("task") != nil {
		out = append(out, shape.Field{Name: "task", Type: shape.AnyType})
	}
	if p != nil && p.Sets != nil {
		for _, path := range p.Sets(m) {
			name, _, _ := strings.Cut(path, ".")
			out = append(out, shape.Field{Name: name, Type: shape.AnyType})
		}
	}
	return out
}

// eventsOf compiles `events:`: the name of a topic channel, or a send step of its own.
func (c *compiler) eventsOf(n *yamlfile.Node) {
	if n == nil {
		return
	}
	scope := c.d.scope.WithVar("state", shape.StringType).WithVar("from", shape.StringType).WithVar("at", shape.StringType)
	if n.Kind() == yamlfile.Scalar {
		if ch := c.s.Channel(n); ch == nil || ch.Type != "topic" {
			if ch != nil {
				n.Errorf("E291", "make it a topic, or write {send: "+ch.Name+", with: {…}}", "state changes have a routing key, and %s is a %s channel", ch.Name, ch.Type)
			}
			return
		}
		src := fmt.Sprintf(`{send: {%s: '="%s." + state'}, with: {process: %s, id: =id, state: =state, from: =from, at: =at}}`, n.Raw(), c.d.Name, c.d.Name)
		n = n.Stand(src)
	}
	b := c.s.Build(c.d.Pipeline, n, scope)
	m := b.One(n, "events/")
	if m.Run == nil {
		return
	}
	if p := b.Pattern(n); !p.Sends {
		n.Errorf("E291", "write {send: {order.events: =\"order.\" + state}, with: {…}}", "state changes are sent, not %s", m.Verb)
		return
	}
	c.d.Publish = &m
}
