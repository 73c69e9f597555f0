// Package table keeps rows in the store: what products cost, which partners
// there are. Pipelines put and delete rows, formulas read them with table().
package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `table`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "table", Keeps: true, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always}
}

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
	if !w.delete {
		w.value = b.Value(o.Value, b.Flow.Scope, nil)
	}
	w.version = b.Expr(o.Version, b.Flow.Scope)
	w.key = b.Scalar(o.Key, "a key is a text or a number", "body.sku")
	return w
}

// table is the name of the table that the step n changes; nil: it has none, or two, which is reported.
func (o *options) table(n *yamlfile.Node) *yamlfile.Node {
	switch {
	case o.Put != nil && o.Delete != nil:
		n.KeyNode("delete").Errorf("E278", "make it two steps", "a table step puts or deletes, not both")
		return nil
	case o.Delete != nil:
		n.Refuse("E278", "remove it", "`%s` has no meaning for a delete", "value", "merge")
		return o.Delete
	case o.Put == nil && n.Kind() == yamlfile.Map:
		n.Errorf("E278", "add put: and the name of a table", "this step neither puts nor deletes a row")
	}
	return o.Put
}

// tombstoneKeep is how long a deleted row's version is known.
const tombstoneKeep = 30 * 24 * time.Hour

// kindOf is the kind of a table's records; key: the row's.
func kindOf(name string) string { return "table " + name }

type writer struct {
	site    pipelines.Site
	name    string
	key     *pipelines.Expr
	value   *pipelines.Value // nil: the body
	version *pipelines.Expr
	delete  bool
	merge   bool
	keep    time.Duration // 0: for ever
}

// Process changes one row in x's unit, and the message goes on unchanged.
func (w *writer) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	fr := formula.NewFrame(x)
	key, err := w.key.Key(fr, "key")
	if err != nil {
		return err
	}
	value, err := w.row(fr)
	if err != nil {
		return err
	}
	change := hub.Write{Kind: kindOf(w.name), Key: key, IfVersion: hub.AnyVersion}
	if w.keep > 0 {
		change.Expires = x.Now().Add(w.keep)
	}
	older := false
	if w.version != nil || w.merge {
		if older, err = w.compare(ctx, x, fr, &change, value); err != nil {
			return err
		}
	} else if !w.delete {
		change.Value = encode(doc.Value{}, value)
	}
	what := "put"
	switch {
	case older:
		w.site.Note(x, began, "older", w.name+" "+key+" has this version or a newer one already")
		return next(ctx, x)
	case w.delete:
		what = "deleted"
	}
	x.Write(change)
	w.site.Note(x, began, what, w.name+" "+key)
	return next(ctx, x)
}

// row is what is to be put.
func (w *writer) row(fr *formula.Frame) (doc.Value, error) {
	switch {
	case w.delete:
		return doc.Value{}, nil
	case w.value != nil:
		return w.value.Apply(fr)
	}
	return fr.X.Doc()
}

// compare reads the row that is there. The change depends on it, so the write checks its version.
func (w *writer) compare(ctx context.Context, x *hub.Exchange, fr *formula.Frame, change *hub.Write, value doc.Value) (older bool, err error) {
	x.Serialize(change.Kind, change.Key)
	rec, err := x.Record(ctx, change.Kind, change.Key)
	if err != nil && !errors.Is(err, hub.ErrNotFound) {
		return false, err
	}
	change.IfVersion = rec.Version
	version, old, err := readRow(rec.Value)
	if err != nil {
		return false, fmt.Errorf("table %s %q: %w", w.name, change.Key, err)
	}
	if w.version != nil {
		before := version
		if version, err = w.version.Value(fr); err != nil {
			return false, err
		}
		if err := idempotent.CheckVersion(version, w.version.Source()); err != nil {
			return false, err
		}
		if before.Kind() != doc.Missing {
			c, err := idempotent.CompareVersions(version, before)
			if err != nil || c <= 0 {
				return true, err
			}
		}
	}
	switch {
	case w.delete:
		change.Value = encode(version, doc.Value{})
		if change.Expires.IsZero() {
			change.Expires = x.Now().Add(tombstoneKeep)
		}
	case w.merge:
		change.Value = encode(version, doc.Merge(old, value))
	default:
		change.Value = encode(version, value)
	}
	return false, nil
}

// encode is the record of a row: {"version": …, "row": …}. A row that was
// deleted with a version keeps that alone.
func encode(version, row doc.Value) []byte {
	fields := []doc.Field{{Name: "version", Value: version}, {Name: "row", Value: row}}
	return doc.ObjectOf(slices.DeleteFunc(fields, func(f doc.Field) bool { return f.Value.Kind() == doc.Missing })).JSON()
}

// readRow is the reverse of encode; what is not there is Missing.
func readRow(raw []byte) (version, row doc.Value, err error) {
	if len(raw) == 0 {
		return version, row, nil
	}
	v, err := doc.ParseLimits(raw, doc.Limits{Depth: 80, Nodes: 1 << 20}) // a body, and what stands around it
	return v.Get("version"), v.Get("row"), err
}
