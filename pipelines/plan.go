// Package pipelines is the language: it loads a configuration into a Plan with
// positions, reports every problem at once, compiles pipelines of patterns
// into the hub's stages, and opens them. `hub validate`, `run`, `graph` and
// the docs use this one loader.
//
// Each pattern is a package below this one; cmd/hub lists them in a Registry.
package pipelines

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/mask"
	"orderhub/pipelines/console"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Plan is a loaded configuration: what runs, checked and compiled. It is not
// connected to anything until Open.
type Plan struct {
	Path      string // the file, as given
	Dir       string // its folder: relative paths start there
	Name      string
	Version   string // hash of all files: kept with failures
	Store     string // sqlite:path
	Drain     time.Duration
	Retention Retention
	Bodies    time.Duration // retention of the bodies before and after each step, where a pipeline says nothing; 0: none are kept
	Index     []string      // paths of the values that messages are found by
	Reserve   int64         // bytes of disk that nothing from outside may use; 0: the store's default
	Ops       Ops           // where the hub is watched over HTTP
	Peers     map[string]Peer
	Console   console.Config    // where people look at the hub, and act
	OTLP      OTLP              // collector that gets the traces
	Files     []yamlfile.Source // that it was read from
	Mask      *mask.Masker      // knows the secrets of the configuration and what its schemas mark

	Adapters  []*Adapter
	Channels  []*Channel
	Pipelines []*Pipeline

	reg     *Registry
	schemas map[string]*schema.Schema
	formats *formats
	retries map[string]*hub.Retry
	scope   *formula.Scope
	kept    map[string]any // what the sections of the registry made, by key
}

// Retention is the block `retention:` of `hub:`: how long what is over is kept. What has a time of its own, such as a row of a table,
// the key of an idempotent receiver or a closed instance of a process, says it where it is made.
type Retention struct {
	History     time.Duration `yaml:"history" default:"30d" min:"1m" doc:"history: what hub trace and hub find tell"`
	DeadLetters time.Duration `yaml:"dead_letters" min:"1h" doc:"dead letters; left out: until somebody replays or drops them"`
	Refusals    time.Duration `yaml:"refusals" default:"30d" min:"1m" doc:"what the hub did not take: hub refused"`
	Audit       time.Duration `yaml:"audit" default:"731d" min:"1d" doc:"records of the audit log"`
}

// OwnRetention is the block `retention:` of a pipeline; zero: as the hub says.
type OwnRetention struct {
	History     time.Duration `yaml:"history" min:"1m" doc:"history of its messages, of those that are written from now on"`
	DeadLetters time.Duration `yaml:"dead_letters" min:"1h" doc:"its dead letters"`
}

// DeadLetters tells how long the dead letters of each queue are kept, and what is the least of it; 0: until somebody settles them.
func (p *Plan) DeadLetters() (keep func(queue string) time.Duration, least time.Duration) {
	own, least := map[string]time.Duration{}, p.Retention.DeadLetters
	for _, pl := range p.Pipelines {
		k := pl.Retention.DeadLetters
		if k == 0 {
			continue
		}
		if least == 0 || k < least {
			least = k
		}
		for _, s := range pl.Stages {
			own[s.Queue] = k
		}
	}
	return func(queue string) time.Duration { return cmp.Or(own[queue], p.Retention.DeadLetters) }, least
}

// Adapter is an entry of `adapters:`.
type Adapter struct {
	Name string
	Type *hub.Component
	Line string // file:line

	cfg       any
	node      *yamlfile.Node
	absent    bool // a broker that this hub runs without: the store carries its channels and places
	farEnds   []*farEnd
	contracts map[string]contract // what the configuration says of the answers of operations
	answers   map[string]*answers // likewise, compiled
	wires     map[string]wire     // formats of operations
}

// Operations are what can be called of it.
func (a *Adapter) Operations() []string {
	if a.Type.Ops == nil {
		return nil
	}
	return a.Type.Ops(a.cfg)
}

// Pipeline is an entry of `pipelines:`.
type Pipeline struct {
	Name   string
	Line   string
	From   From
	Stages []*engine.Stage // the first is fed by From; none for `from: call`
	Steps  int             // how many are written

	Destinations []Destination   // where its messages may go
	Description  hub.Description // what partners may know of it, where its source answers them
	Retention    OwnRetention
	GoesOn       *GoesOn // nil: all its steps run in one stage

	written *yamlfile.Node // what is to be compiled; nil: it is
	gives   *shape.Type    // what a call of it is answered; nil: not known
	node    *yamlfile.Node
	policy  hub.Policy
	body    hub.Step                                   // of `from: call`: what a call runs
	asides  []*engine.Stage                            // what runs beside the pipeline: nothing follows it
	failing bool                                       // history is kept of failures alone
	bodies  time.Duration                              // how long the bodies before and after each step are kept; 0: they are not
	keeps   bool                                       // some step changes the store
	reply   *yamlfile.Node                             // the first step that is a reply; nil: none
	accept  func(m *hub.Message) (*hub.Message, error) // reads a message from the source, and holds it to the schemas; nil: as it is
	replies bool                                       // some step answers the messages that carry a Return Address
	gated   bool                                       // behind some step that is compiled already not every message goes on
}

// From says what feeds a pipeline: an adapter, a channel, a clock, or calls.
type From struct {
	Adapter *Adapter
	Channel *Channel
	Arg     string // "POST /orders", a topic pattern
	Call    bool
	Section string // key of the section that feeds it itself: processes

	feed   *Feed
	match  map[string]string // headers channel
	signed bool              // requests come by signed links
	cfg    any
	schema *schema.Schema
	format *hub.Format // of what it brings; nil: its content type says it
	node   *yamlfile.Node
}

// String is what feeds the pipeline, as `hub refused` names it: "web POST /orders".
func (f *From) String() string {
	switch {
	case f.Adapter != nil:
		return strings.TrimSpace(f.Adapter.Name + " " + f.Arg)
	case f.Channel != nil:
		return strings.TrimSpace(f.Channel.Name + " " + f.Arg)
	case f.feed != nil:
		return f.Arg
	}
	return ""
}

// Clock tells that the hub feeds the pipeline itself, by the time; String says how.
func (f *From) Clock() bool { return f.feed != nil }

// outside tells that a source feeds the pipeline, not the hub's own store.
func (f *From) outside() bool { return f.Adapter != nil || f.Channel != nil && f.Channel.Via != nil }

// adapter is what brings the pipeline's messages from outside; nil: the store does.
func (f *From) adapter() *Adapter {
	if f.Adapter == nil && f.Channel != nil {
		return f.Channel.Via
	}
	return f.Adapter
}

// component is what adapter is one of; nil: the store brings the messages.
func (f *From) component() *hub.Component {
	if a := f.adapter(); a != nil {
		return a.Type
	}
	return nil
}

// Destination is a place that a pipeline's messages go to.
type Destination struct {
	To    string // name of a channel, adapter or pipeline
	Arg   string // topic key, operation, template
	Verb  string // send, call, start, ...
	Error bool   // only when something failed
	Copy  bool   // what goes there is a copy, beside the flow of the message

	asks    bool      // it is a call: what goes there comes back
	called  *Pipeline // of a call of a pipeline
	certain bool      // every message that is not stopped by an error goes there
	at      *yamlfile.Node
}

// Stages are all stages of the plan: pipelines, their continuations, timers, outboxes.
func (p *Plan) Stages() []*engine.Stage {
	var out []*engine.Stage
	for _, pl := range p.Pipelines {
		out = append(out, pl.Stages...)
		out = append(out, pl.asides...)
	}
	for _, a := range p.Adapters {
		for _, f := range a.farEnds {
			if !f.calls {
				out = append(out, f.stage())
			}
		}
	}
	return out
}

// Pipeline finds a pipeline by name; nil when there is none.
func (p *Plan) Pipeline(name string) *Pipeline {
	return Find(p.Pipelines, func(l *Pipeline) bool { return l.Name == name })
}

// Channel finds a channel by name; nil when there is none.
func (p *Plan) Channel(name string) *Channel {
	return Find(p.Channels, func(c *Channel) bool { return c.Name == name })
}

// Adapter finds an adapter by name; nil when there is none.
func (p *Plan) Adapter(name string) *Adapter {
	return Find(p.Adapters, func(a *Adapter) bool { return a.Name == name })
}

// Find is the first element of a list that is meant; nil: none is.
func Find[T any](list []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// Names are the names of a list's elements.
func Names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = name(e)
	}
	return out
}

func (p *Plan) channelNames() []string {
	return Names(p.Channels, func(c *Channel) string { return c.Name })
}
func (p *Plan) adapterNames() []string {
	return Names(p.Adapters, func(a *Adapter) string { return a.Name })
}
