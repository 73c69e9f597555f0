package pipelines

import (
	"math"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Feed is what brings messages to pipelines that no adapter and no channel brings: `from: {every: 5m}`. It is a folder of its own, as
// a pattern is, and tells by its words where it is meant.
type Feed struct {
	Words   []string // keys of `from:`; the first that is there names the source for people
	Compile func(b *Build, clock Clock) *Feeder
	Asks    func(from *yamlfile.Node) []*yamlfile.Node // as Pattern.Asks
}

// Clock is the stage that runs a feed, beside the pipeline: its messages are the feed's own.
type Clock struct {
	Pipeline string // that is fed
	Queue    string // where its messages lie; it gets one more whenever the hub begins

	Schema *shape.Type // what the messages are, as `schema:` says; nil: it is not there
}

// Feeder is a compiled feed.
type Feeder struct {
	Step hub.Step    // run for each message of the clock; what it gives on is a message for the pipeline, put in the same unit
	Body *shape.Type // of these
}

// feed is the one that n names, with what it is called for people; nil: none.
func (r *Registry) feed(n *yamlfile.Node) (f *Feed, name string) {
	for i := range r.Feeds {
		for _, w := range r.Feeds[i].Words {
			if n.Get(w) != nil || n.Raw() == w {
				return &r.Feeds[i], strings.TrimSpace(w + " " + n.Get(w).Raw())
			}
		}
	}
	return nil, ""
}

// Asked are the names of operations, channels and pipelines that a step, or the source of a pipeline, asks.
func (r *Registry) Asked(n *yamlfile.Node) []*yamlfile.Node {
	if p := r.Of(n); p != nil && p.Asks != nil {
		return p.Asks(n)
	}
	if f, _ := r.feed(n); f != nil && f.Asks != nil {
		return f.Asks(n)
	}
	return nil
}

// feedWords are the words of all feeds.
func (r *Registry) feedWords() (words []string) {
	for i := range r.Feeds {
		words = append(words, r.Feeds[i].Words...)
	}
	return words
}

// clock compiles what feeds the pipeline. It gives the clock's stage, and leaves in the flow what its messages are.
func (b *Build) clock() *engine.Stage {
	p := b.pl
	n := p.From.node
	c := b.on(n, &Flow{Scope: b.plan.scope})
	c.Node, c.part = n, &part{}
	c.Site = Site{Where: p.Name + "/" + p.From.Arg, Line: n.Line()}
	queue := p.Name + "!clock"
	clock := Clock{Pipeline: p.Name, Queue: queue}
	if p.From.schema != nil {
		clock.Schema = p.From.schema.Shape()
	}
	f := p.From.feed.Compile(c, clock)
	if f == nil {
		return nil
	}
	if p.From.schema == nil {
		b.Flow.SetBody(f.Body)
	}
	place := &hub.Place{Where: c.Where, Line: c.Line}
	return &engine.Stage{Name: p.Name + " clock", Queue: queue, From: p.From.Arg, Lanes: 1, Clock: true, React: Patiently,
		Run: hub.Run(at(place, f.Step), continueIn(p.queue()))}
}

// Patiently is how a clock takes every error: it tries again, however long that lasts. One that gave up would bring nothing more.
func Patiently(e *hub.Error) hub.Reaction {
	return hub.Reaction{Retry: &hub.Retry{Name: "clock", Times: math.MaxInt, Min: time.Second, Max: 5 * time.Minute, Errors: []hub.Class{e.Class}}}
}
