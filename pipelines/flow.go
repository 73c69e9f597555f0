package pipelines

import (
	"os"
	"strings"

	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Flow is what is known of a message at a place of a pipeline, while it is
// compiled: the names that formulas may use, with their types. A pattern
// leaves in it what is true behind its step.
type Flow struct {
	Scope *formula.Scope

	onError    bool // it tells of an error: inside `errors:`
	background bool // behind the reply, or a delay: nobody waits
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
	body := branches[0].Body()
	for _, b := range branches[1:] {
		body = shape.Join(body, b.Body())
	}
	for _, b := range branches {
		for _, name := range b.Scope.Names() {
			before, known := f.Scope.Type(name)
			if now, _ := b.Scope.Type(name); name != "body" && (!known || now != before) {
				f.SetVar(name, joined(name, branches))
			}
		}
	}
	f.SetBody(body)
}

// joined is the type of a variable behind all branches: null in one that does not have it.
func joined(name string, branches []*Flow) (t *shape.Type) {
	for i, b := range branches {
		now, has := b.Scope.Type(name)
		if !has {
			now = shape.NullType
		}
		if i > 0 {
			now = shape.Join(t, now)
		}
		t = now
	}
	return t
}

// Include reads the YAML file that n names (`use: maps/order.yaml`), with the
// same loader and positions. nil: it can't be read, which is reported.
func (b *Build) Include(n *yamlfile.Node) *yamlfile.Node {
	file, ok := n.Text()
	if !ok {
		return nil
	}
	path := b.plan.path(file)
	if _, err := os.Stat(path); err != nil {
		n.Errorf("E015", b.plan.nearFile(file), "cannot read %s: %s", file, yamlfile.Cause(err))
		return nil
	}
	root, ok := b.plan.loader.ReadFile(path)
	if !ok {
		return nil
	}
	return root
}

// Schema finds the declared schema that n names; nil when there is none, which is reported.
func (b *Build) Schema(n *yamlfile.Node) *schema.Schema { return b.plan.schemaOf(n) }

// Declared reports the paths of the list n that the body's type does not have.
func (b *Build) Declared(n *yamlfile.Node, paths []string) {
	items := n.Items()
	for i, p := range paths {
		t := b.Flow.Body()
		for part := range strings.SplitSeq(p, ".") {
			if t.Kind == shape.Array && t.Elem != nil {
				t = t.Elem
			}
			f, ok := t.Field(part)
			if !ok {
				at := n
				if i < len(items) {
					at = items[i]
				}
				at.Errorf("E301", didYouMean(part, t.Names()), "%s has no field %s", t, part)
				break
			}
			t = f
		}
	}
}

// Source is what feeds the pipeline, for messages.
func (b *Build) Source() string {
	f := b.pl.From
	switch {
	case f.Channel != nil:
		return "the channel " + f.Channel.Name
	case f.Adapter != nil:
		return "the adapter " + f.Adapter.Name
	case f.feed != nil:
		return f.Arg
	}
	return "call"
}
