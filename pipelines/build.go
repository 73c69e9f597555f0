package pipelines

import (
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Build is where a pattern compiles one step. It is gone when the configuration is loaded: what a step needs of
// it while it runs is its Site.
type Build struct {
	Site
	Node *yamlfile.Node // the value of the verb
	Step *yamlfile.Node // the whole step, with its modifiers
	Flow *Flow

	shared  *yamlfile.Node // has the modifiers that Step has not; nil: none
	plan    *loading
	pl      *Pipeline
	part    *part
	names   map[string]int         // labels used in this pipeline
	held    map[string]*shape.Type // variables whose values must fit a schema, and so their fields
	within  string                 // what stands before the labels: "billing/" in the state of a process
	pattern *Pattern
	place   *hub.Place // of this step, as errors know it
	outer   *hub.Place // of the step that this one stands in
	nested  bool       // it stands in another step, or in `errors:`
	branch  bool       // `when` belongs to the route around it
}

// build is where the steps of p are compiled; p nil: formulas that no pipeline owns, such as the key of a channel.
func (l *loading) build(p *Pipeline, n *yamlfile.Node, scope *formula.Scope) *Build {
	b := &Build{Step: n, Flow: &Flow{Scope: scope}, plan: l, pl: p, part: &part{}, names: map[string]int{}}
	if p != nil {
		b.Site = Site{Where: p.Name, Line: p.Line}
	}
	return b
}

// on is b for the step n, which stands in b's own, if b is one.
func (b *Build) on(n *yamlfile.Node, f *Flow, beside ...string) *Build {
	in := *b
	in.Step, in.Node, in.Flow, in.pattern = n, nil, f, nil
	in.outer, in.place = b.place, nil
	in.nested, in.branch = b.place != nil || f.onError, slices.Contains(beside, "when")
	return &in
}

// part collects what one stage of a pipeline needs beside its steps.
type part struct {
	asks   bool   // some step calls
	first  string // the label of the first step
	timers []timer
}

type timer struct {
	queue string
	run   hub.Step
	index int // of the step in its list
}

// Modifier is the node of a key beside the verb; nil when absent.
func (b *Build) Modifier(name string) *yamlfile.Node {
	if n := b.Step.Get(name); n != nil || b.shared == nil {
		return n
	}
	return b.shared.Get(name)
}

// Timeout is the `timeout:` modifier.
func (b *Build) Timeout(otherwise time.Duration) time.Duration {
	if n := b.Modifier("timeout"); n != nil {
		if d, ok := n.Duration(); ok {
			return d
		}
	}
	return otherwise
}

// As is the `as:` modifier: the variable that takes a result.
func (b *Build) As() string { return Variable(b.Modifier("as")) }

// Variable is the name of a variable that n gives; "" where it gives none that can be one, which is reported.
func Variable(n *yamlfile.Node) string {
	if n == nil {
		return ""
	}
	name := n.Str()
	if name == "" || !Named(n) {
		return ""
	}
	if slices.Contains([]string{"body", "headers", "id", "key", "correlation", "time", "it"}, name) {
		n.Errorf("E306", "choose another name", "%q is a name of every message", name)
		return ""
	}
	return name
}

// Named reports n if it is no name that formulas can read.
func Named(n *yamlfile.Node) bool {
	if IsName(n.Raw()) {
		return true
	}
	n.Errorf("E306", "use letters, digits and _", "%q can't be a name in formulas", n.Raw())
	return false
}

// IsName tells that formulas can read what has the name.
func IsName(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}

// Hold says that the variable must always be of type t: nothing else may be set below it.
func (b *Build) Hold(name string, t *shape.Type) {
	held := maps.Clone(b.held)
	if held == nil {
		held = map[string]*shape.Type{}
	}
	held[name], b.held = t, held
}

// Held is the type that the value at a path of a variable must have; any: everything may be set there. What has no such field is reported at n.
func (b *Build) Held(n *yamlfile.Node, name string, path []string) *shape.Type {
	t := b.held[name]
	at := name
	for _, field := range path {
		next, known := t.Field(field)
		if !known {
			n.Errorf("E261", didYouMean(field, t.Names()), "%s has no field %s: what is set there would not fit its schema", at, field)
			return shape.AnyType
		}
		t, at = next, at+"."+field
	}
	if t == nil {
		return shape.AnyType
	}
	return t
}

// Steps compiles a list of steps below this one (a branch, the body of a split). The flow is changed to what is true behind them.
func (b *Build) Steps(n *yamlfile.Node, f *Flow) hub.Step {
	if !n.Is(yamlfile.List, "E307", "write a list: - send: orders", "steps are a list") {
		return nil
	}
	var steps []hub.Step
	for _, item := range n.Items() {
		if s := b.on(item, f).step(); s != nil {
			steps = append(steps, s)
		}
	}
	return hub.Chain(steps...)
}

// Inner compiles one step that stands in the map n beside other keys: `{when: …, send: orders}` of a route.
func (b *Build) Inner(n *yamlfile.Node, f *Flow, beside ...string) hub.Step {
	return b.on(n, f, beside...).step(beside...)
}

// Pattern is the pattern of step n, nil when it has no verb.
func (b *Build) Pattern(n *yamlfile.Node) *Pattern { return b.plan.reg.Of(n) }

// Asks gives a function that tells, once the pipeline is compiled, whether a
// step of this stage asks somebody outside: then a duplicate must be found before the steps run.
func (b *Build) Asks() func() bool {
	p := b.part
	return func() bool { return p.asks }
}

// Timer gives the address of a timer of this step: a queue whose messages are
// handled by run, followed by the steps behind this one.
func (b *Build) Timer(name string, run hub.Step) string {
	queue := b.Where + "!" + name
	if b.nested {
		b.Step.Errorf("E308", "move it to the pipeline's own steps, or to a pipeline `from:` a channel", "a step that waits can't stand inside another step")
		return queue
	}
	if b.pl.From.Call && !b.Flow.background {
		b.Step.Errorf("E308", "move it to a pipeline `from:` a channel", "a step that waits can't stand in a pipeline that is called: the caller waits for the answer")
		return queue
	}
	b.part.timers = append(b.part.timers, timer{queue: queue, run: at(b.place, run)})
	return queue
}

// Ends says that the stage ends at this step: the steps behind it run from the store, and nobody waits for them.
func (b *Build) Ends() { b.Flow.background = true }

// Aside gives the address of messages that run, from the store, beside the
// pipeline: nothing follows, and nobody waits for them.
func (b *Build) Aside(name string, run hub.Step) string {
	queue := b.Where + "!" + name
	b.pl.keeps = true
	b.pl.asides = append(b.pl.asides, &engine.Stage{Name: b.Where + " " + name, Queue: queue, Lanes: asideLanes, Keeps: true,
		Run: hub.Run(run)})
	return queue
}

// asideLanes bounds what runs beside a pipeline, so that it takes little from it.
const asideLanes = 4

// Beside is a step that stands in the modifier n of this one, with modifiers of its own there.
func (b *Build) Beside(n *yamlfile.Node, name string) *Build {
	c := b.on(n, b.Flow)
	c.Node, c.Site = n, Site{Where: b.Where + " " + name, Line: b.Line}
	return c
}

// Recipient is n, one of several that this step asks alike: the modifiers that it does not have are those of the step.
func (b *Build) Recipient(n *yamlfile.Node, name string) *Build {
	c := b.Beside(n, name)
	c.shared, c.Where = b.Step, b.Where+"."+strings.ReplaceAll(name, " ", ".")
	return c
}

// Path is a file named in the configuration, relative to its folder.
func (b *Build) Path(p string) string { return b.plan.path(p) }
