// Package scattergather is Scatter-Gather: it asks several at the same time,
// waits for their answers for a while, and goes on with what came.
package scattergather

import (
	"fmt"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/gather"
	"orderhub/pipelines/yamlfile"
)

// Pattern is the verb `scatter_gather`.
func Pattern() pipelines.Pattern { return gather.Pattern("scatter_gather", "to", compile) }

type options struct {
	To *yamlfile.Node `yaml:"to" required:"true" min:"1" max:"64" doc:"operations and pipelines to ask, all at the same time: a list, or a map that names their answers; each a text, or {call, with, headers, timeout}"`
	gather.Options
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Options: gather.Defaults()}
	b.Node.Decode(&o, "scatter_gather")
	asked := len(gather.Asked(o.To))
	if asked > 0 && o.Need > asked {
		b.Node.Get("need").Errorf("E276", fmt.Sprintf("write need: %d, or ask more", asked), "%d answers are needed, but only %d are asked", o.Need, asked)
	}
	return gather.New(b, "gathered", o.To, false, o.Options)
}
