package table

import (
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
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
	name := o.Put
	switch {
	case o.Put != nil && o.Delete != nil:
		b.Node.KeyNode("delete").Errorf("E278", "make it two steps", "a table step puts or deletes, not both")
		return nil
	case o.Delete != nil:
		name, w.delete = o.Delete, true
		for _, k := range []string{"value", "merge"} {
			if at := b.Node.KeyNode(k); at != nil {
				at.Errorf("E278", "remove it", "`%s` has no meaning for a delete", k)
			}
		}
	case o.Put == nil:
		if b.Node.Kind() == yamlfile.Map {
			b.Node.Errorf("E278", "add put: and the name of a table", "this step neither puts nor deletes a row")
		}
		return nil
	}
	w.name = name.Str()
	for _, r := range w.name {
		if !(r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			name.Errorf("E219", "use letters, digits, - and _", "%q can't be the name of a table", w.name)
			return nil
		}
	}
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
	if w.key = b.Expr(o.Key, b.Flow.Scope); w.key == nil {
		return nil
	}
	if t := w.key.Type(); t.Is(shape.Object) || t.Is(shape.Array) {
		o.Key.Errorf("E302", "name a field, as body.sku", "a key is a text or a number, this is %s", t.Describe())
	}
	return w
}
