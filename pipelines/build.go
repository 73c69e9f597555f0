package pipelines

import (
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Build is where a pattern compiles one step.
type Build struct {
	Node  *yamlfile.Node // the value of the verb
	Step  *yamlfile.Node // the whole step, with its modifiers
	Flow  *Flow
	Where string // pipeline/label: names the step in history, errors and idempotency keys
	Line  string // file:line

	pattern    *Pattern
	plan       *loading
	pl         *Pipeline
	part       *part
	place      *hub.Place // of this step, as errors know it
	outer      *hub.Place // of the step that this one stands in
	nested     bool
	branch     bool                   // `when` belongs to the route around it
	onError    bool                   // inside `errors:`
	background bool                   // behind the reply
	names      map[string]int         // labels used in this pipeline
	held       map[string]*shape.Type // variables whose values must fit a schema, and so their fields
	within     string                 // what stands before the labels: "billing/" in the state of a process
}

// part collects what one stage of a pipeline needs beside its steps.
type part struct {
	asks   bool // some step calls
	timers []timer
}

type timer struct {
	queue string
	run   hub.Step
	index int // of the step in its list
}

// Modifier is the node of a key beside the verb; nil when absent.
func (b *Build) Modifier(name string) *yamlfile.Node { return b.Step.Get(name) }

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
func (b *Build) As() string {
	n := b.Modifier("as")
	if n == nil {
		return ""
	}
	name := n.Str()
	for i, r := range name {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			n.Errorf("E306", "use letters, digits and _", "%q can't be a name in formulas", name)
			return ""
		}
	}
	if slices.Contains([]string{"body", "headers", "id", "key", "correlation", "time", "it"}, name) {
		n.Errorf("E306", "choose another name", "%q is a name of every message", name)
		return ""
	}
	return name
}

// At says that err happened in this step; its own reaction is added around it.
func (b *Build) At(err error) error { return hub.At(err, b.Where, b.Line) }

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

// Note adds to the message's history what this step did.
func (b *Build) Note(x *hub.Exchange, began time.Time, what, detail string) {
	if x.Trace {
		x.Note(hub.Event{Time: began, Where: b.Where, Line: b.Line, What: what, Detail: detail, Took: x.Now().Sub(began)})
	}
}

// Steps compiles a list of steps below this one (a branch, the body of a split). The flow is changed to what is true behind them.
func (b *Build) Steps(n *yamlfile.Node, f *Flow) hub.Step {
	if n.Kind() != yamlfile.List {
		n.Errorf("E307", "write a list: - send: orders", "steps are a list, this is %s", n.Kind())
		return nil
	}
	var steps []hub.Step
	for _, item := range n.Items() {
		if s := b.inner(item, f).step(); s != nil {
			steps = append(steps, s)
		}
	}
	return hub.Chain(steps...)
}

// Inner compiles one step that stands in the map n beside other keys: `{when: …, send: orders}` of a route.
func (b *Build) Inner(n *yamlfile.Node, f *Flow, beside ...string) hub.Step {
	in := b.inner(n, f)
	in.branch = slices.Contains(beside, "when")
	return in.step(beside...)
}

func (b *Build) inner(n *yamlfile.Node, f *Flow) *Build {
	return &Build{Step: n, Flow: f, plan: b.plan, pl: b.pl, part: b.part, nested: true, outer: b.place, onError: b.onError, background: b.background, names: b.names, held: b.held, within: b.within}
}

// Pattern is the pattern of step n, nil when it has no verb.
func (b *Build) Pattern(n *yamlfile.Node) *Pattern { return b.plan.reg.of(n) }

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
	if b.pl.From.Call && !b.background {
		b.Step.Errorf("E308", "move it to a pipeline `from:` a channel", "a step that waits can't stand in a pipeline that is called: the caller waits for the answer")
		return queue
	}
	b.part.timers = append(b.part.timers, timer{queue: queue, run: run})
	return queue
}

// Aside gives the address of messages that run, from the store, beside the
// pipeline: nothing follows, and nobody waits for them.
func (b *Build) Aside(name string, run hub.Step) string {
	queue := b.Where + "!" + name
	b.pl.keeps = true
	b.pl.asides = append(b.pl.asides, &hub.Stage{Name: b.Where + " " + name, Queue: queue, Lanes: asideLanes, Trace: true,
		Run: hub.Link([]hub.Step{run}, hub.End)})
	return queue
}

// asideLanes bounds what runs beside a pipeline, so that it takes little from it.
const asideLanes = 4

// Beside is a step that stands in the modifier n of this one, with modifiers of its own there.
func (b *Build) Beside(n *yamlfile.Node, name string) *Build {
	c := *b
	c.Step, c.Node, c.Where, c.nested = n, n, b.Where+" "+name, true
	return &c
}

// Path is a file named in the configuration, relative to its folder.
func (b *Build) Path(p string) string { return b.plan.path(p) }

// IdempotencyKey is the key of a request that this step makes for x: the same on every attempt.
func (b *Build) IdempotencyKey(x *hub.Exchange) string {
	key := hub.Segments(x.Msg.ID) + "/" + strings.ReplaceAll(b.Where, " ", ".")
	if len(key) > 200 {
		key = hub.Clip(x.Msg.Root(), 60) + "/" + hub.HashID(key)
	}
	return key
}
