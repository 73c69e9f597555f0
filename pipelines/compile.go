package pipelines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// readPipelines first learns every pipeline's name and source, so that steps
// may name pipelines further down, then compiles the steps.
func (l *loading) readPipelines(n *yamlfile.Node) {
	for key, value := range n.Entries() {
		CheckName(key, key.Raw(), "pipeline")
		p := &Pipeline{Name: key.Raw(), Line: key.Line(), node: key}
		if value.Kind() != yamlfile.Map {
			key.Errorf("E254", "write from: and steps:", "the pipeline %s is empty", p.Name)
			continue
		}
		value.Allow("pipeline", "from", "steps", "errors", "lanes", "history", "retention", "keep_bodies")
		p.written = value
		l.readFrom(p, value.Get("from"))
		if p.reply = l.reg.reply(value.Get("steps").Items()); p.mayReply() {
			p.replies = p.reply != nil
		}
		l.Pipelines = append(l.Pipelines, p)
	}
	for _, p := range l.Pipelines {
		l.compileOnce(p)
	}
	l.circles()
	l.keeping()
}

// compileOnce compiles a pipeline before those that call it, so that they know what it gives; one that is
// being compiled, or that a section made, stays as it is.
func (l *loading) compileOnce(p *Pipeline) {
	if n := p.written; n != nil {
		p.written = nil
		l.compile(p, n)
	}
}

// given is the type of what a call of the pipeline is answered: that of its replies, and of the message that comes to its end without one.
func (b *Build) given(items []*yamlfile.Node) *shape.Type {
	last := items[len(items)-1]
	reg := b.plan.reg
	switch p := reg.Of(last); {
	case p != nil && p.Replies != nil && last.Get("when") == nil:
		return b.pl.gives
	case slices.ContainsFunc(items, func(n *yamlfile.Node) bool { return reg.passes(n) == PassesFewer }):
		return shape.AnyType
	case b.pl.gives == nil:
		return b.Flow.Body()
	}
	return shape.Join(b.pl.gives, b.Flow.Body())
}

// Gives notes the type of a reply of this pipeline.
func (b *Build) Gives(t *shape.Type) {
	if b.pl.gives != nil {
		t = shape.Join(b.pl.gives, t)
	}
	b.pl.gives = t
}

// compile makes the pipeline's stages: the first ends at `reply`, when steps
// follow it, and the next goes on from the store.
func (l *loading) compile(p *Pipeline, n *yamlfile.Node) {
	scope := l.scope.WithBody(p.From.shape())
	if p.answers() {
		scope = scope.WithVar("params", shape.OpenObject).WithVar("query", shape.OpenObject)
	}
	b := l.build(p, n, scope)
	lanes := lanesOf(n.Get("lanes"))
	p.failing = failuresOnly(n.Get("history"))
	if r := n.Get("retention"); r != nil {
		r.Decode(&p.Retention, "retention")
	}
	p.bodies = l.bodies(n.Get("keep_bodies"), cmp.Or(p.Retention.History, l.Retention.History))
	var clock *engine.Stage
	if p.From.Clock() {
		clock = b.clock()
	}
	p.policy = b.policy(n.Get("errors"))
	list := n.Get("steps")
	items := list.Items()
	if len(items) == 0 {
		at, what := p.node, "no steps"
		if list.Kind() == yamlfile.Map || list.Kind() == yamlfile.Scalar {
			at, what = list, "steps that are "+list.Kind().String()+", not a list"
		}
		at.Errorf("E255", "add steps: and a list of them, each with a dash: - send: orders", "the pipeline %s has %s", p.Name, what)
		return
	}
	first, rest := l.splitAtReply(items)
	if p.From.Call && len(rest) == 0 {
		n.Refuse("E257", "write it at the step or the pipeline that calls", "`%s` has no effect on a pipeline that is called: its caller decides", "errors", "lanes", "history", "retention", "keep_bodies")
	}
	b.stage(first, lanes, 0, len(rest) > 0)
	p.gives = b.given(first)
	if len(rest) > 0 {
		needs := slices.DeleteFunc(b.Flow.Scope.Names(), func(name string) bool { _, known := scope.Type(name); return known })
		b.stage(rest, lanes, 1, false)
		p.GoesOn = &GoesOn{Step: b.part.first, queue: p.Stages[len(p.Stages)-1-len(b.part.timers)].Queue, needs: needs, asked: p.answers()}
	}
	if clock != nil {
		p.Stages = append(p.Stages, clock)
	}
}

// lanesOf reads `lanes:`; 0: nothing is said.
func lanesOf(n *yamlfile.Node) int {
	if n == nil {
		return 0
	}
	i, ok := n.Int()
	if ok && (i < 1 || i > 4096) {
		n.Errorf("E104", "1 handles one message at a time", "`lanes` is 1 to 4096, not %d", i)
	}
	return int(i)
}

// failuresOnly reads `history:`, which is all where nothing is said.
func failuresOnly(n *yamlfile.Node) bool {
	switch n.Str() {
	case "failures":
		return true
	case "", "all":
	default:
		n.Errorf("E105", "all is what is kept when nothing is said", "`history` is all or failures, not %q", n.Str())
	}
	return false
}

// bodies reads `keep_bodies:` of a pipeline; nil: as `hub:` says.
func (l *loading) bodies(n *yamlfile.Node, history time.Duration) time.Duration {
	if n == nil {
		return l.Bodies
	}
	d, ok := n.Duration()
	if ok && d > history {
		n.Errorf("E225", "write no more than retention.history", "bodies are looked at in the history, which is kept for %s", history)
	}
	return d
}

// splitAtReply parts the steps behind the first `reply` that others follow.
func (l *loading) splitAtReply(items []*yamlfile.Node) (first, rest []*yamlfile.Node) {
	for i, item := range items {
		if p := l.reg.Of(item); p != nil && p.Replies != nil && i+1 < len(items) {
			return items[:i+1], items[i+1:]
		}
	}
	return items, nil
}

func (p *Pipeline) answers() bool {
	return p.From.unknown() || p.From.Adapter != nil && p.From.Adapter.Type.Answers
}

// stage compiles items as stage number index of the pipeline.
func (b *Build) stage(items []*yamlfile.Node, lanes, index int, goesOn bool) {
	p := b.pl
	name, queue := p.Name, p.queue()
	if index > 0 {
		name = fmt.Sprintf("%s#%d", p.Name, index)
		queue = name
	}
	b.part, b.Flow.background = &part{}, index > 0
	steps := b.steps(items, index == 0)
	if goesOn {
		p.keeps = true
		steps = append(steps, continueIn(fmt.Sprintf("%s#%d", p.Name, index+1)))
	}
	if p.From.Call && index == 0 {
		p.body = hub.Chain(steps...)
		return
	}
	run := hub.Run(steps...)
	stage := func(name, queue string, run hub.Next) *engine.Stage {
		return &engine.Stage{Name: name, Queue: queue, Run: run, React: p.policy, Lanes: lanes, Failing: p.failing, Bodies: p.bodies, Keep: p.Retention.History, Keeps: p.keeps || !p.From.outside() || index > 0}
	}
	main := stage(name, queue, run)
	if index == 0 {
		p.feed(main)
	}
	p.Stages = append(p.Stages, main)
	for _, t := range b.part.timers {
		after := hub.Run(steps[t.index:]...)
		p.Stages = append(p.Stages, stage(name+" timer", t.queue, func(ctx context.Context, x *hub.Exchange) error {
			return t.run.Process(ctx, x, after)
		}))
	}
}

// steps compiles the steps of a stage. Before those of the first one stands what is done with every message from outside.
func (b *Build) steps(items []*yamlfile.Node, first bool) (steps []hub.Step) {
	p := b.pl
	if first && !p.From.unknown() && (p.From.outside() || p.From.schema != nil) {
		steps = append(steps, b.entry(&p.From))
		if p.answers() && b.plan.reg.Entry != nil {
			steps = append(steps, b.plan.reg.Entry(b)...)
		}
	}
	for _, item := range items {
		known := len(b.part.timers)
		at := b.on(item, b.Flow)
		if step := at.step(); step != nil {
			steps = append(steps, step)
		}
		b.part.first = cmp.Or(b.part.first, at.Where)
		for i := known; i < len(b.part.timers); i++ {
			b.part.timers[i].index = len(steps)
		}
	}
	return steps
}

// feed tells the first stage what feeds it.
func (p *Pipeline) feed(s *engine.Stage) {
	s.From, s.Replies = p.From.String(), p.replies
	if c := p.From.Channel; c != nil {
		s.Bound = c.bound
	}
	if p.From.outside() {
		s.Adapter = p.From.adapter().Name
		s.Answers = p.From.component().Answers
		s.Inbox = !s.Answers
	}
}

// queue is where the first stage's stored messages lie.
func (p *Pipeline) queue() string {
	if p.From.Channel != nil && p.From.Channel.Via == nil {
		return p.From.Channel.queue(p.Name)
	}
	return p.Name + "#0"
}

// continueIn ends a stage: the rest runs from the store, after the reply was given.
func continueIn(queue string) hub.Step {
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: queue, Msg: x.Msg, Vars: x.Vars})
		return next(ctx, x)
	})
}

// Background tells that the step stands behind the pipeline's reply, or behind a delay.
func (b *Build) Background() bool { return b.Flow.background }

// Answers tells that somebody may wait for the reply of this pipeline.
func (b *Build) Answers() bool { return b.Waits() || b.pl.mayReply() }

// Waits tells that somebody waits for the reply to every message of this pipeline.
func (b *Build) Waits() bool { return b.pl.answers() || b.pl.From.Call }

// Replied is what the callers of this pipeline's channel are told to expect; any value where nothing is said.
func (b *Build) Replied() *shape.Type {
	if c := b.pl.From.Channel; c != nil {
		return c.answers.shape()
	}
	return shape.AnyType
}

// mayReply tells that the pipeline's messages may carry a Return Address.
func (p *Pipeline) mayReply() bool {
	if c := p.From.Channel; c != nil && c.Type != "direct" {
		return false
	}
	if c := p.From.component(); c != nil {
		return c.Replies
	}
	return p.From.Channel != nil
}

// reply is the first reply among the steps; nil: none.
func (r *Registry) reply(steps []*yamlfile.Node) *yamlfile.Node {
	for p, step := range r.Steps(steps) {
		if p.Replies != nil {
			return step.KeyNode(p.Verb)
		}
	}
	return nil
}
