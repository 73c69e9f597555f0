// Package send publishes the message to a channel or to an adapter (EIP
// Message Endpoint), and goes on.
package send

import (
	"context"
	_ "embed"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

//go:embed README.md
var readme string

// Pattern is the verb `send`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "send", Name: "Message Endpoint", Doc: readme, Modifiers: []string{"with", "headers", "expires"}, Compile: compile,
		Process: true, Sends: true, Passes: pipelines.PassesAll.Always,
		Object: func(step *yamlfile.Node) *yamlfile.Node { return step.Get("send") }}
}

func compile(b *pipelines.Build) hub.Step {
	s := b.Sender(b.Node)
	if s == nil {
		return nil
	}
	site, suffix := b.Site, b.Suffix()
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		began := x.Clock()
		if err := s.Send(x, suffix); err != nil {
			return err
		}
		site.Note(x, began, "sent", s.Name)
		return next(ctx, x)
	})
}
