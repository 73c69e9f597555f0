// Package call is Request-Reply: it asks an adapter's operation or a pipeline
// `from: call` and waits for the answer.
package call

import (
	"context"
	_ "embed"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

//go:embed README.md
var readme string

// Pattern is the verb `call`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "call", Name: "Request-Reply", Doc: readme, Modifiers: []string{"with", "headers", "as", "timeout", "shadow"}, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always, Object: operation, Asks: asked, Answers: operation}
}

func operation(step *yamlfile.Node) *yamlfile.Node { return step.Get("call") }

func asked(step *yamlfile.Node) []*yamlfile.Node {
	out := []*yamlfile.Node{step.Get("call")}
	if beside := step.Get("shadow").Get("call"); beside != nil {
		out = append(out, beside)
	}
	return out
}

func compile(b *pipelines.Build) hub.Step {
	r := b.Request(b.Node, b.Modifier("with"))
	beside := shadowOf(b)
	if r == nil {
		b.As()
		return nil
	}
	into := b.Result(r.Type())
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		if into == "" && beside == nil {
			reply, err := r.Ask(ctx, x, "")
			if err != nil {
				return err
			}
			x.Msg = with(x.Msg, reply)
			return next(ctx, x)
		}
		answer, err := r.Call(ctx, x, "")
		if err != nil {
			return err
		}
		if beside != nil {
			beside.put(x, answer)
		}
		into.Put(x, answer)
		return next(ctx, x)
	})
}

// with is m with the answer for its body. Bytes that are no JSON go on as they came, with what says what they are.
func with(m, reply *hub.Message) *hub.Message {
	if reply.Body.Len() == 0 {
		return m.WithBody(hub.DocumentBody(doc.NullValue()))
	}
	_, bad := reply.Body.Doc()
	m = m.WithBody(reply.Body)
	if bad != nil || reply.Body.Format() != nil {
		for _, name := range []string{hub.HeaderContentType, hub.HeaderEncoding, hub.HeaderFormat} {
			m = m.WithHeader(name, reply.Headers.Get(name))
		}
	}
	return m
}
