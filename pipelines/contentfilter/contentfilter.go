// Package contentfilter is the Content Filter: it keeps or drops fields of the body.
package contentfilter

import (
	"cmp"
	"context"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// Pattern is the verb `content_filter`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "content_filter", Compile: compile,
		Passes: pipelines.PassesAll.Always}
}

type fields struct {
	Keep []string `yaml:"keep" doc:"fields to keep, as paths below the body"`
	Drop []string `yaml:"drop" doc:"fields to drop"`
}

func compile(b *pipelines.Build) hub.Step {
	cut := Fields(b, b.Node)
	if cut == nil {
		return nil
	}
	return b.Does("filtered", func(_ context.Context, x *hub.Exchange) (string, error) {
		body, err := x.Doc()
		if err == nil {
			x.Msg = x.Msg.WithBody(hub.DocumentBody(cut(body)))
		}
		return "", err
	})
}

// Fields compiles keep: or drop: of n, changes the flow's type, and gives the cut.
func Fields(b *pipelines.Build, n *yamlfile.Node, beside ...string) func(doc.Value) doc.Value {
	var f fields
	n.Decode(&f, "content_filter", beside...)
	if (len(f.Keep) == 0) == (len(f.Drop) == 0) {
		n.Errorf("E265", "write keep: [sku, price], or drop: [payment]", "say which fields to keep, or which to drop")
		return nil
	}
	list := cmp.Or(n.Get("keep"), n.Get("drop"))
	b.Declared(list, f.Keep)
	b.Declared(list, f.Drop)
	if len(f.Keep) > 0 {
		b.Flow.SetBody(b.Flow.Body().Pick(f.Keep))
		return func(v doc.Value) doc.Value { return each(v, f.Keep, doc.Pick) }
	}
	b.Flow.SetBody(b.Flow.Body().Without(f.Drop))
	return func(v doc.Value) doc.Value { return each(v, f.Drop, doc.Drop) }
}

// each cuts a body, or the elements of a body that is a list.
func each(v doc.Value, paths []string, cut func(doc.Value, []string) doc.Value) doc.Value {
	if v.Kind() != doc.Array {
		return cut(v, paths)
	}
	return doc.Map(v, func(_ string, e doc.Value) doc.Value { return each(e, paths, cut) })
}
