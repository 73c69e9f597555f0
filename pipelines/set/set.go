// Package set changes single fields of the body, headers, or variables.
package set

import (
	"context"
	_ "embed"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

//go:embed README.md
var readme string

// Pattern is the verb `set`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "set", Name: "Content Enricher (fields)", Doc: readme, Compile: compile}
}

type assignment struct {
	root  string // body, headers, or a variable
	path  []string
	value *pipelines.Value
}

func compile(b *pipelines.Build) hub.Step {
	if b.Node.Kind() != yamlfile.Map {
		b.Node.Errorf("E260", "write set: {body.parcel: =stock.warehouse}", "set takes a map of paths and values")
		return nil
	}
	var list []assignment
	for key, value := range b.Node.Entries() {
		path := strings.Split(key.Raw(), ".")
		a := assignment{root: path[0], path: path[1:], value: b.Value(value, b.Flow.Scope, nil)}
		if a.value == nil {
			if len(path) == 1 && a.root != "body" {
				b.Flow.SetVar(a.root, shape.AnyType)
			}
			continue
		}
		switch {
		case a.root == "headers" && len(a.path) != 1, strings.Contains(key.Raw(), ".."):
			key.Errorf("E261", "write body.field, headers.name, or the name of a variable", "%q is no place for a value", key.Raw())
		case a.root == "body" && len(a.path) > 0:
			b.Flow.SetBody(b.Flow.Body().With(a.path, a.value.Type()))
		case a.root == "body":
			b.Flow.SetBody(a.value.Type())
		case a.root == "correlation" || a.root == "key":
			if len(a.path) > 0 {
				key.Errorf("E261", "write "+a.root+": =body.order_id", "%q is no place for a value", key.Raw())
			}
		case a.root != "headers":
			t, _ := b.Flow.Scope.Type(a.root)
			if len(a.path) == 0 {
				t = a.value.Type()
			} else {
				t = t.With(a.path, a.value.Type())
			}
			b.Flow.SetVar(a.root, t)
		}
		list = append(list, a)
	}
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		for _, a := range list {
			if err := a.apply(x); err != nil {
				return err
			}
		}
		return next(ctx, x)
	})
}

func (a *assignment) apply(x *hub.Exchange) error {
	v, err := a.value.Apply(formula.NewFrame(x))
	if err != nil {
		return err
	}
	switch a.root {
	case "correlation":
		x.Msg = x.Msg.WithCorrelation(v.Text())
	case "key":
		x.Msg = x.Msg.WithKey(v.Text())
	case "headers":
		x.Msg = x.Msg.WithHeader(strings.ToLower(a.path[0]), v.Text())
	case "body":
		if len(a.path) > 0 {
			body, err := x.Doc()
			if err != nil {
				return err
			}
			v = doc.Set(body, a.path, v)
		}
		x.Msg = x.Msg.WithBody(hub.DocumentBody(v))
	default:
		if len(a.path) > 0 {
			v = doc.Set(x.Vars.Get(a.root), a.path, v)
		}
		x.Vars = x.Vars.With(a.root, v)
	}
	return nil
}
