package scattergather

import (
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

type options struct {
	To   []*yamlfile.Node `yaml:"to" required:"true" min:"1" max:"64" doc:"operations and pipelines to ask, all at the same time"`
	Wait time.Duration    `yaml:"wait" min:"1ms" max:"1h" doc:"how long answers are waited for; without it as long as the calls take"`
	Need int              `yaml:"need" min:"0" doc:"answers without which the step fails; default: all"`
	With *yamlfile.Node   `yaml:"with" doc:"what is asked; default: the body"`
	Give *yamlfile.Node   `yaml:"give" doc:"the result; sees replies, size and failures; default: the list of replies"`
}

var failureShape = shape.ObjectType(
	shape.Field{Name: "to", Type: shape.StringType, Required: true},
	shape.Field{Name: "class", Type: shape.StringType, Required: true},
	shape.Field{Name: "message", Type: shape.StringType, Required: true},
)

func compile(b *pipelines.Build) hub.Step {
	needed := b.Node.Get("need") != nil
	var o options
	b.Node.Decode(&o, "scatter_gather")
	with := o.With
	if beside := b.Modifier("with"); beside != nil {
		if with != nil {
			b.Step.KeyNode("with").Errorf("E276", "remove one of them", "this step has two `with`")
		}
		with = beside
	}
	a := &asker{site: b.Site, wait: o.Wait, need: o.Need}
	if !needed {
		a.need = len(o.To)
	}
	if len(o.To) > 0 && a.need > len(o.To) {
		b.Node.Get("need").Errorf("E276", fmt.Sprintf("write need: %d, or ask more", len(o.To)), "%d answers are needed, but only %d are asked", a.need, len(o.To))
	}
	ok := a.requests(b, o.To, with)
	give, t := b.Give(o.Give, b.Flow.Scope, shape.Field{Name: "replies", Type: shape.ArrayOf(shape.AnyType)},
		shape.Field{Name: "size", Type: shape.NumberType}, shape.Field{Name: "failures", Type: shape.ArrayOf(failureShape)})
	a.give, a.into = give, b.Result(t)
	if !ok || give == nil {
		return nil
	}
	return a
}

// requests compiles the requests.
func (a *asker) requests(b *pipelines.Build, to []*yamlfile.Node, with *yamlfile.Node) bool {
	ok := len(to) > 0
	asked := map[string]int{}
	for _, n := range to {
		r := b.Request(n, with)
		if r == nil {
			ok = false
			continue
		}
		suffix := "." + strings.ReplaceAll(r.Name, " ", ".")
		if asked[suffix]++; asked[suffix] > 1 {
			suffix = fmt.Sprintf("%s~%d", suffix, asked[suffix])
		}
		a.targets = append(a.targets, target{r, suffix})
	}
	return ok
}
