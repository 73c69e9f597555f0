package table

import (
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

type options struct {
	Put     *yamlfile.Node `yaml:"put" doc:"name of the table that gets a row, or a new one for it"`
	Delete  *yamlfile.Node `yaml:"delete" doc:"name of the table that loses a row"`
	Key     *yamlfile.Node `yaml:"key" required:"true" doc:"formula: which row"`
	Value   *yamlfile.Node `yaml:"value" doc:"the row; default: the body"`
	Merge   bool           `yaml:"merge" doc:"set the value's fields in the row that is there, and leave its others"`
	Version *yamlfile.Node `yaml:"version" doc:"formula: only a newer version than the row's changes it"`
	Keep    time.Duration  `yaml:"keep" min:"1s" doc:"how long the row is kept after its last change; default: for ever"`
}

func compile(b *pipelines.Build) hub.Step {
	var o options
	b.Node.Decode(&o, "table")
	w := &writer{site: b.Site, merge: o.Merge, keep: o.Keep}
	name := o.table(b.Node)
	if name == nil || !pipelines.CheckName(name, name.Str(), "table") {
		return nil
	}
	w.name, w.delete = name.Str(), o.Delete != nil
	if o.Value != nil && !w.delete {
		if w.value = b.Value(o.Value, b.Flow.Scope, nil); w.value == nil {
			return nil
		}
	}
	if o.Version != nil {
		if w.version = b.Expr(o.Version, b.Flow.Scope); w.version == nil {
			return nil
		}
	}
	if o.Key == nil {
		return nil
	}
	if w.key = b.Scalar(o.Key, "a key is a text or a number", "body.sku"); w.key == nil {
		return nil
	}
	return w
}

// table is the name of the table that the step n changes; nil: it has none, or two, which is reported.
func (o *options) table(n *yamlfile.Node) *yamlfile.Node {
	switch {
	case o.Put != nil && o.Delete != nil:
		n.KeyNode("delete").Errorf("E278", "make it two steps", "a table step puts or deletes, not both")
		return nil
	case o.Delete != nil:
		for _, k := range []string{"value", "merge"} {
			if at := n.KeyNode(k); at != nil {
				at.Errorf("E278", "remove it", "`%s` has no meaning for a delete", k)
			}
		}
		return o.Delete
	case o.Put == nil && n.Kind() == yamlfile.Map:
		n.Errorf("E278", "add put: and the name of a table", "this step neither puts nor deletes a row")
	}
	return o.Put
}
