package pipelines

import (
	"os"
	"strings"

	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Include reads the YAML file that n names (`use: maps/order.yaml`), with the
// same loader and positions. nil: it can't be read, which is reported.
func (b *Build) Include(n *yamlfile.Node) *yamlfile.Node {
	file, ok := n.Text()
	if !ok {
		return nil
	}
	path := b.plan.path(file)
	if _, err := os.Stat(path); err != nil {
		n.Errorf("E015", b.plan.nearFile(file), "cannot read %s: %s", file, cause(err))
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
	}
	return "call"
}
