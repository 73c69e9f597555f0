package pipelines

import (
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Flow is what is known of a message at a place of a pipeline, while it is
// compiled: the names that formulas may use, with their types. A pattern
// leaves in it what is true behind its step.
type Flow struct {
	Scope *formula.Scope

	onError    bool // it tells of an error: inside `errors:`
	background bool // behind the reply: nobody waits
}

// Body is the type of the body.
func (f *Flow) Body() *shape.Type {
	t, _ := f.Scope.Type("body")
	return t
}

// SetBody says what the body is from here on.
func (f *Flow) SetBody(t *shape.Type) { f.Scope = f.Scope.WithBody(t) }

// SetVar adds a variable.
func (f *Flow) SetVar(name string, t *shape.Type) { f.Scope = f.Scope.WithVar(name, t) }

// Branch is a copy for a part that not every message runs through.
func (f *Flow) Branch() *Flow { c := *f; return &c }

// Merge leaves what is true behind every one of the branches: types are
// joined, and a variable that not every branch has may be missing.
func (f *Flow) Merge(branches ...*Flow) {
	if len(branches) == 0 {
		return
	}
	vars := map[string]*shape.Type{}
	for _, b := range branches {
		for _, name := range b.Scope.Names() {
			before, known := f.Scope.Type(name)
			if now, _ := b.Scope.Type(name); name != "body" && (!known || now != before) {
				vars[name] = nil
			}
		}
	}
	body := branches[0].Body()
	for i, b := range branches {
		if i > 0 {
			body = shape.Join(body, b.Body())
		}
		for name, t := range vars {
			now, has := b.Scope.Type(name)
			if !has {
				now = shape.NullType
			}
			if i > 0 {
				now = shape.Join(t, now)
			}
			vars[name] = now
		}
	}
	for name, t := range vars {
		f.SetVar(name, t)
	}
	f.SetBody(body)
}
