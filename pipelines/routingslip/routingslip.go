// Package routingslip is Routing Slip: a message carries the list of the stations that it visits, one after another.
package routingslip

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/choice"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Pattern is the verb `routing_slip`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "routing_slip", Modifiers: []string{"timeout"}, Compile: compile, Process: true, Passes: passes, Inner: inner, Asks: asks}
}

func passes(_ *yamlfile.Node, inside pipelines.Passing) pipelines.Passing { return inside }

// inner are the steps of all stations.
func inner(step *yamlfile.Node) (out []*yamlfile.Node) {
	for _, n := range choice.Entries(step.Get("routing_slip").Get("among")) {
		if steps := n.Get("steps"); steps != nil {
			out = append(out, steps.Items()...)
		} else if n.Kind() == yamlfile.Map {
			out = append(out, n)
		}
	}
	return out
}

// asks are the stations that are a text: operations and pipelines.
func asks(step *yamlfile.Node) (out []*yamlfile.Node) {
	for _, n := range choice.Entries(step.Get("routing_slip").Get("among")) {
		if n.Kind() == yamlfile.Scalar {
			out = append(out, n)
		}
	}
	return out
}

type options struct {
	Visit *yamlfile.Node `yaml:"visit" required:"true" doc:"a formula that gives the names of the stations in the order in which they are visited, each once: a list of texts, or one text"`
	Among *yamlfile.Node `yaml:"among" required:"true" min:"1" max:"256" doc:"the stations that there are: a list of operations and pipelines, or a map that names them; each a text, a step, or {steps: […]}"`
}

// slip is a compiled step.
type slip struct {
	site  pipelines.Site
	visit *choice.Choice
	names []string
	steps []hub.Step // of the stations, in the order of their names
}

func compile(b *pipelines.Build) hub.Step {
	var o options
	b.Node.Decode(&o, "routing_slip")
	if o.Among.Kind() == yamlfile.Scalar {
		o.Among.Errorf("E279", "write among: [gift-wrap, engrave], or {wrap: gift-wrap, engrave: {steps: […]}}", "the stations are a list, or a map of names")
	}
	names := choice.Names(o.Among)
	s := &slip{site: b.Site, visit: choice.New(b, o.Visit, "station", names), names: names}
	flows := []*pipelines.Flow{b.Flow.Branch()} // no station
	for name, n := range choice.Entries(o.Among) {
		flow := b.Flow.Branch()
		s.steps = append(s.steps, station(b, name, n, flow))
		flows = append(flows, flow)
	}
	b.Flow.Merge(flows...)
	return s
}

// station compiles one. Whichever stations a message visits, each gets what the step got: so what it hands on must fit there.
func station(b *pipelines.Build, name string, n *yamlfile.Node, flow *pipelines.Flow) (step hub.Step) {
	before := flow.Body()
	switch {
	case n.Kind() == yamlfile.Scalar:
		r := b.Recipient(n, name).Request(n, nil)
		flow.SetBody(r.Type())
		step = r
	case n.Get("steps") != nil:
		n.Allow("station", "steps")
		step = b.Steps(n.Get("steps"), flow)
	default:
		step = b.Inner(n, flow)
	}
	if found := shape.Assignable(flow.Body(), before); len(found) > 0 {
		n.Errorf("E279", "keep what came: write as: NAME at a call, set for a field", "the station %s changes the body, so that one behind it could not read it: %s", name, found[0].Message)
	}
	return step
}

// Process goes through the stations that the formula names, then on.
func (s *slip) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	order, err := s.visit.Of(x)
	if err != nil {
		return err
	}
	var visited []string
	var steps []hub.Step
	for _, i := range order {
		if slices.Contains(visited, s.names[i]) {
			return hub.Fail(hub.Invalid, "station_twice", "the slip has the station %s twice", s.names[i])
		}
		visited, steps = append(visited, s.names[i]), append(steps, s.steps[i])
	}
	s.site.Note(x, x.Clock(), "slip", strings.Join(visited, " → "))
	return hub.Chain(steps...).Process(ctx, x, next)
}
