// Package count counts messages by their values: events by state, orders by
// source. The counters are in the store; `hub status` shows them.
package count

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `count`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "count", Keeps: true, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always, Counts: counterOf}
}

// counterOf is the name of the counter that a step adds to.
func counterOf(step *yamlfile.Node) string {
	n := step.Get("count")
	return cmp.Or(n.Get("name"), n).Raw()
}

// Kind is the kind of a counter's values in store.Store.Counters; their keys are the values of `by`, joined with "|".
func Kind(name string) string { return "count " + name }

type options struct {
	Name string         `yaml:"name" required:"true" doc:"name of the counter"`
	By   *yamlfile.Node `yaml:"by" doc:"formulas: one count for each combination of their values; default: one count"`
	Add  *yamlfile.Node `yaml:"add" doc:"how much to add, a whole number or a formula; default: 1"`
}

type counter struct {
	name string
	by   []*pipelines.Expr
	add  *pipelines.Expr // nil: fixed
	n    int64
}

func compile(b *pipelines.Build) hub.Step {
	o := options{}
	if b.Node.Kind() == yamlfile.Scalar {
		o.Name = b.Node.Str()
	} else {
		b.Node.Decode(&o, "count")
	}
	c := &counter{name: o.Name, n: 1}
	pipelines.CheckName(b.Node, o.Name, "counter")
	if o.By != nil {
		c.readBy(b, o.By)
	}
	if o.Add != nil {
		c.readAdd(b, o.Add)
	}
	return b.Does("counted", c.count)
}

func (c *counter) readBy(b *pipelines.Build, n *yamlfile.Node) {
	items := n.Several()
	if n.Kind() == yamlfile.Map || len(items) == 0 {
		n.Errorf("E280", "write by: [body.source, body.state]", "`by` is a list of formulas")
	}
	for _, item := range items {
		c.by = append(c.by, b.Scalar(item, "counts are kept by texts and numbers", "body.state"))
	}
}

func (c *counter) readAdd(b *pipelines.Build, n *yamlfile.Node) {
	if !n.IsFormula() {
		c.n, _ = n.Int()
	} else if c.add = b.Expr(n, b.Flow.Scope); c.add != nil {
		if t := c.add.Type(); !t.IsAny() && !t.Is(shape.Number) {
			n.Errorf("E302", "write add: =body.quantity", "what is added is a number, this is %s", t.Describe())
		}
	}
}

// count adds to the counter in x's unit.
func (c *counter) count(_ context.Context, x *hub.Exchange) (detail string, err error) {
	fr := formula.NewFrame(x)
	key, err := c.key(fr)
	if err != nil {
		return "", err
	}
	n := c.n
	if c.add != nil {
		v, err := c.add.Value(fr)
		if err != nil {
			return "", err
		}
		var whole bool
		if n, whole = v.Num().Int64(); v.Kind() != doc.Number || !whole {
			return "", hub.Fail(hub.Invalid, "transform", "%s is %s: only whole numbers are counted", c.add.Source(), v)
		}
	}
	x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: Kind(c.name), Key: key, Delta: n})
	if x.Trace {
		detail = strings.TrimSpace(c.name+" "+key) + " +" + strconv.FormatInt(n, 10)
	}
	return detail, nil
}

func (c *counter) key(fr *formula.Frame) (string, error) {
	parts := make([]string, len(c.by))
	for i, e := range c.by {
		v, err := e.Value(fr)
		if err != nil {
			return "", err
		}
		parts[i] = strings.ReplaceAll(v.Text(), "|", "/")
	}
	key := strings.Join(parts, "|")
	if len(key) > pipelines.MaxKey {
		key = strings.ToValidUTF8(key[:pipelines.MaxKey-33], "") + "~" + hub.HashID(key)
	}
	return key, nil
}
