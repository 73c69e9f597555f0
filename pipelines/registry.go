package pipelines

import (
	"orderhub/hub"
	"orderhub/transforms/formula"
)

// Registry is all that a configuration may name: the one list of it is in cmd/hub/components.go.
type Registry struct {
	Components []hub.Component
	Patterns   []Pattern
	Funcs      map[string]formula.Func // functions of formulas beside the built-in ones
	// Entry gives the steps that stand before those of a pipeline whose source answers, such as the Idempotency-Key.
	Entry func(b *Build) []hub.Step
	// Mask hides in every text what the configuration holds in confidence; nil: each plan has one of its own.
	Mask *hub.Masker
	// Words of other tools, and the one to write here.
	Foreign map[string]string
	// Absent tells that the hub runs without the broker that an adapter names: the store carries its channels and places. nil: none is absent.
	Absent func(adapter string) bool
	// Later are words of the language that this version has no code for yet.
	Later map[string]bool
	// Sections are the top-level keys beside the core's own: processes, tests.
	Sections []Section
}

// Pattern is one verb of the language: an Enterprise Integration Pattern.
type Pattern struct {
	Verb      string
	Name      string                  // as the book calls it: "Content-Based Router"
	Doc       string                  // its README.md
	Keeps     bool                    // it changes the store itself: its pipeline keeps the history of every message
	Modifiers []string                // keys it understands beside its verb; `when` and `errors` and `retry` always work
	Compile   func(b *Build) hub.Step // nil when it reported problems
}

func (r *Registry) pattern(verb string) *Pattern {
	for i := range r.Patterns {
		if r.Patterns[i].Verb == verb {
			return &r.Patterns[i]
		}
	}
	return nil
}

func (r *Registry) verbs() []string {
	var out []string
	for _, p := range r.Patterns {
		out = append(out, p.Verb)
	}
	return out
}

func (r *Registry) component(name string) *hub.Component {
	for i := range r.Components {
		if r.Components[i].Name == name {
			return &r.Components[i]
		}
	}
	return nil
}
