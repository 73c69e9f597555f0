// Package send publishes the message to a channel or to an adapter (EIP
// Message Endpoint), and goes on.
package send

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// Pattern is the verb `send`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "send", Modifiers: []string{"with", "headers", "expires", "format"}, Compile: compile,
		Process: true, Sends: true, Passes: pipelines.PassesAll.Always,
		Object: func(step *yamlfile.Node) *yamlfile.Node { return step.Get("send") }}
}

func compile(b *pipelines.Build) hub.Step {
	s := b.Sender(b.Node)
	if s == nil {
		return nil
	}
	suffix := b.Suffix()
	return b.Does("sent", func(_ context.Context, x *hub.Exchange) (string, error) { return s.Name, s.Send(x, suffix) })
}
