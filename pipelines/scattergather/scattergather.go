// Package scattergather is Scatter-Gather: it asks several at the same time,
// waits for their answers for a while, and goes on with what came.
package scattergather

import (
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/gather"
	"orderhub/pipelines/yamlfile"
)

// Pattern is the verb `scatter_gather`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "scatter_gather",
		Modifiers: []string{"with", "headers", "as", "timeout"}, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always,
		Asks: func(step *yamlfile.Node) []*yamlfile.Node {
			return gather.AllAsked(step.Get("scatter_gather").Get("to"))
		}}
}

type options struct {
	To   *yamlfile.Node `yaml:"to" required:"true" min:"1" max:"64" doc:"operations and pipelines to ask, all at the same time: a list, or a map that names their answers; each a text, or {call, with, headers, timeout}"`
	Wait time.Duration  `yaml:"wait" min:"1ms" max:"1h" doc:"how long answers are waited for, and a call may take at most; without it as long as the calls take"`
	Need int            `yaml:"need" min:"0" doc:"answers without which the step fails; default: all"`
	With *yamlfile.Node `yaml:"with" doc:"what is asked; default: the body"`
	Give *yamlfile.Node `yaml:"give" doc:"the result; sees replies, answers (by name), size and failures; default: the list of replies"`
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Need: gather.All}
	b.Node.Decode(&o, "scatter_gather")
	asked := len(gather.AllAsked(o.To))
	if asked > 0 && o.Need > asked {
		b.Node.Get("need").Errorf("E276", fmt.Sprintf("write need: %d, or ask more", asked), "%d answers are needed, but only %d are asked", o.Need, asked)
	}
	return gather.New(b, o.To, false, gather.Options{Wait: o.Wait, Need: o.Need, With: o.With, Give: o.Give, What: "gathered"})
}
