// Package wiretap is the Wire Tap: it sends a copy elsewhere, and the message goes on untouched.
package wiretap

import (
	"context"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/contentfilter"
	"orderhub/pipelines/yamlfile"
)

// Pattern is the verb `wire_tap`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "wire_tap", Modifiers: []string{"with", "headers", "expires", "format"}, Compile: compile,
		Process: true, Copies: true, Passes: pipelines.PassesAll.Always}
}

func compile(b *pipelines.Build) hub.Step {
	n := b.Node
	to := n
	var cut func(doc.Value) doc.Value
	before := b.Flow.Branch()
	if n.Kind() == yamlfile.Map && n.Get("send") != nil {
		to = n.Get("send")
		if n.Get("keep") != nil || n.Get("drop") != nil {
			cut = contentfilter.Fields(b, n, "send")
		} else {
			n.Allow("wire_tap", "send", "keep", "drop")
		}
	}
	s := b.Sender(to)
	*b.Flow = *before
	if s == nil {
		return nil
	}
	with := b.Modifier("with") != nil
	suffix, told := b.Suffix(), "copy to "+s.Name
	return b.Does("tapped", func(_ context.Context, x *hub.Exchange) (string, error) {
		copied := x.With(x.Msg)
		if cut != nil {
			body, err := x.Doc()
			if err != nil {
				return "", err
			}
			copied.Msg = x.Msg.WithBody(hub.DocumentBody(cut(body)))
			if !with {
				copied.Msg.ID = hub.DeriveID(x.Msg.ID, suffix) // another content, another ID
			}
		}
		return told, s.Send(copied, suffix)
	})
}
