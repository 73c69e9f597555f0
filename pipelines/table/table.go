// Package table keeps rows in the store: what products cost, which partners
// there are. Pipelines put and delete rows, formulas read them with table().
package table

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/idempotent"
	"orderhub/transforms/formula"
)

//go:embed README.md
var readme string

// Pattern is the verb `table`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "table", Name: "Table (Shared Database)", Doc: readme, Keeps: true, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always}
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
	key, err := w.key.Text(fr)
	if err != nil {
		return err
	}
	if err := pipelines.CheckKey("key", key, pipelines.MaxKey); err != nil {
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
	var b doc.Builder
	b.BeginObject()
	for _, f := range []doc.Field{{Name: "version", Value: version}, {Name: "row", Value: row}} {
		if f.Value.Kind() != doc.Missing {
			b.Key(f.Name)
			b.Value(f.Value)
		}
	}
	b.EndObject()
	v := b.Done()
	return v.Source()
}

// readRow is the reverse of encode; what is not there is Missing.
func readRow(raw []byte) (version, row doc.Value, err error) {
	if len(raw) == 0 {
		return version, row, nil
	}
	v, err := doc.ParseLimits(raw, doc.Limits{Depth: 80, Nodes: 1 << 20}) // a body, and what stands around it
	return v.Get("version"), v.Get("row"), err
}
