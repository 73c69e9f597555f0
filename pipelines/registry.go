package pipelines

import (
	"iter"
	"slices"

	"orderhub/hub"
	"orderhub/hub/mask"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Registry is all that a configuration may name: the one list of it is in cmd/hub/components.go.
type Registry struct {
	Components []hub.Component
	Formats    []hub.FormatKind
	Patterns   []Pattern
	Feeds      []Feed
	Funcs      map[string]formula.Func // functions of formulas beside the built-in ones
	// Entry gives the steps that stand before those of a pipeline whose source answers, such as the Idempotency-Key.
	Entry func(b *Build) []hub.Step
	// Mask hides in every text what the configuration holds in confidence; nil: each plan has one of its own.
	Mask *mask.Masker
	// Words of other tools, and the one to write here.
	Foreign map[string]string
	// Absent tells that the hub runs without the broker that an adapter names: the store carries its channels and places. nil: none is absent.
	Absent func(adapter string) bool
	// Later are words of the language that this version has no code for yet.
	Later map[string]bool
	// Sections are the top-level keys beside the core's own: processes, tests.
	Sections []Section
}

// Pattern is one verb of the language: an Enterprise Integration Pattern. It declares what the loader, the
// sections and the tools have to know of it, so that no one else keeps a list of verbs. The functions get a
// whole step, which may have faults of its own; a nil function means that there is no such thing.
type Pattern struct {
	Verb      string
	Modifiers []string                // keys it understands beside its verb; `when` and `errors` and `retry` always work
	Compile   func(b *Build) hub.Step // nil: nothing is known of what it gives, after a fault; a step of a plan with faults never runs

	Keeps   bool   // it changes the store itself: its pipeline keeps the history of every message
	Process bool   // it has a meaning in a process, where there is no message that goes on
	Instead string // where it has none there: what to write; "": the step stands in a pipeline that is called
	Sends   bool   // it sends the message on
	Copies  bool   // it sends a copy beside the flow of the message

	Passes  func(step *yamlfile.Node, inside Passing) Passing // whether messages go on behind it; inside: of its inner steps
	Inner   func(step *yamlfile.Node) []*yamlfile.Node        // the steps inside it, in the order they are written
	Object  func(step *yamlfile.Node) *yamlfile.Node          // what its label names: the channel, the adapter, the operation
	Asks    func(step *yamlfile.Node) []*yamlfile.Node        // names of operations, channels and pipelines that it calls
	Answers func(step *yamlfile.Node) *yamlfile.Node          // the one of these whose answer `as:` takes as it came
	Sets    func(step *yamlfile.Node) []string                // paths that it gives values, beside `as:`
	Raises  func(step *yamlfile.Node) string                  // the error class of its own that it stops messages with
	Replies func(step *yamlfile.Node) []int                   // the statuses that it answers with; 0: a formula gives it
	Counts  func(step *yamlfile.Node) string                  // the counter that it adds to
}

// Passing says whether the messages that come to a step, and do not fail there, go on behind it.
type Passing int

// The kinds of Passing, from the most certain on.
const (
	PassesAll   Passing = iota + 1 // every message goes on
	PassesSome                     // some end, and who waits for them is told by an error or an answer
	PassesFewer                    // some end, and nobody is told
)

// Always is the Passes of a pattern that is the same however its step is written.
func (p Passing) Always(*yamlfile.Node, Passing) Passing { return p }

// Pattern finds the pattern of a verb; nil when there is none.
func (r *Registry) Pattern(verb string) *Pattern {
	for i := range r.Patterns {
		if r.Patterns[i].Verb == verb {
			return &r.Patterns[i]
		}
	}
	return nil
}

// Of finds the pattern of a step, the first one when it has several verbs; nil when it has none.
func (r *Registry) Of(step *yamlfile.Node) *Pattern {
	if verbs := r.verbs(step, nil); len(verbs) > 0 {
		return verbs[0]
	}
	return nil
}

// verbs are the patterns that a step has verbs of; a verb that is a modifier of another
// one there, as `aggregate` of a split, is none. The keys beside belong to somebody else.
func (r *Registry) verbs(step *yamlfile.Node, beside []string) (out []*Pattern) {
	var all []*Pattern
	for _, k := range step.Keys() {
		if p := r.Pattern(k); p != nil && !slices.Contains(beside, k) {
			all = append(all, p)
		}
	}
	for _, p := range all {
		if !slices.ContainsFunc(all, func(o *Pattern) bool { return slices.Contains(o.Modifiers, p.Verb) }) {
			out = append(out, p)
		}
	}
	return out
}

// Steps yields the steps of a list, each with its pattern and behind it the steps inside
// it. Those of `errors:` are not among them: they run when something failed.
func (r *Registry) Steps(list []*yamlfile.Node) iter.Seq2[*Pattern, *yamlfile.Node] {
	return func(yield func(*Pattern, *yamlfile.Node) bool) { r.walk(list, yield) }
}

func (r *Registry) walk(list []*yamlfile.Node, yield func(*Pattern, *yamlfile.Node) bool) bool {
	for _, step := range list {
		p := r.Of(step)
		if p == nil {
			continue
		}
		if !yield(p, step) || p.Inner != nil && !r.walk(p.Inner(step), yield) {
			return false
		}
	}
	return true
}

// Words collects, each once, what the patterns of all steps below n give: the error classes that they raise, the counters that they add to.
func (r *Registry) Words(n *yamlfile.Node, of func(p *Pattern) func(step *yamlfile.Node) string) (words []string) {
	for step := range n.All() {
		for _, k := range step.Keys() {
			p := r.Pattern(k)
			if p == nil || of(p) == nil {
				continue
			}
			if word := of(p)(step); word != "" && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// passes tells whether messages go on behind a step, and its inner steps.
func (r *Registry) passes(step *yamlfile.Node) Passing {
	p := r.Of(step)
	if p == nil || p.Passes == nil {
		return PassesFewer
	}
	inside := PassesAll
	if p.Inner != nil {
		for _, s := range p.Inner(step) {
			inside = max(inside, r.passes(s))
		}
	}
	return p.Passes(step, inside)
}

func (r *Registry) verbNames() []string {
	return Names(r.Patterns, func(p Pattern) string { return p.Verb })
}

// Component finds a kind of adapter by its name; nil when there is none.
func (r *Registry) Component(name string) *hub.Component {
	for i := range r.Components {
		if r.Components[i].Name == name {
			return &r.Components[i]
		}
	}
	return nil
}
