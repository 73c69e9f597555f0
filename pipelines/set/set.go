// Package set changes single fields of the body, headers, or variables.
package set

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `set`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "set", Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always,
		Sets: func(step *yamlfile.Node) []string { return step.Get("set").Keys() }}
}

type assignment struct {
	root  string // body, headers, or a variable
	path  []string
	value *pipelines.Value
	line  string // file:line:col
}

func compile(b *pipelines.Build) hub.Step {
	if !b.Node.Is(yamlfile.Map, "E260", "write set: {body.parcel: =stock.warehouse}", "set takes a map of paths and values") {
		return nil
	}
	var list []assignment
	for key, value := range b.Node.Entries() {
		path := strings.Split(key.Raw(), ".")
		if !place(key, path) {
			continue
		}
		a := assignment{root: path[0], path: path[1:], value: b.Value(value, b.Flow.Scope, b.Held(key, path[0], path[1:])), line: key.LineCol()}
		switch a.root {
		case "headers", "correlation", "key":
		case "body":
			b.Flow.SetBody(b.Flow.Body().With(a.path, a.value.Type()))
		default:
			t, _ := b.Flow.Scope.Type(a.root)
			b.Flow.SetVar(a.root, t.With(a.path, a.value.Type()))
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

// place tells whether something can be set at the path of key, and reports it if not.
func place(key *yamlfile.Node, path []string) bool {
	help := "write body.field, headers.name, or the name of a variable"
	switch root := path[0]; {
	case slices.Contains(path, ""):
	case root == "id" || root == "time" || root == "it":
		help = "choose another name: " + root + " is a name of every message"
	case root == "correlation" || root == "key":
		if len(path) == 1 {
			return true
		}
		help = "write " + root + ": =body.order_id"
	case root == "headers":
		if len(path) == 2 {
			return true
		}
	case !pipelines.IsName(root):
		help = "a name has letters, digits and _"
	default:
		return true
	}
	key.Errorf("E261", help, "%q is no place for a value", key.Raw())
	return false
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
			if v, err = Put(a.root, body, a.path, v); err != nil {
				return a.at(err)
			}
		}
		x.Msg = x.Msg.WithBody(hub.DocumentBody(v))
	default:
		if len(a.path) > 0 {
			if v, err = Put(a.root, x.Vars.Get(a.root), a.path, v); err != nil {
				return a.at(err)
			}
		}
		x.Vars = x.Vars.With(a.root, v)
	}
	return nil
}

// Put is v, which formulas call root, with nv at the path; objects are made on
// the way. A list on the way takes no field: the message is invalid.
func Put(root string, v doc.Value, path []string, nv doc.Value) (doc.Value, error) {
	at, parent := root, v
	for _, name := range path {
		next := doc.Lookup(parent, []string{name})
		if parent.Kind() == doc.Array && next.Kind() == doc.Missing && name != strconv.Itoa(parent.Len()) {
			return v, hub.Fail(hub.Invalid, formula.ReasonTransform, "%s is an array and takes no field %s; %s = %s", at, name, at, parent.String())
		}
		at, parent = at+"."+name, next
	}
	return doc.Set(v, path, nv), nil
}

// at says where the assignment stands that failed.
func (a *assignment) at(err error) error {
	e := *hub.AsError(err)
	e.Line = a.line
	return &e
}
