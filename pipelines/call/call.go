// Package call is Request-Reply: it asks an adapter's operation or a pipeline
// `from: call` and waits for the answer.
package call

import (
	"context"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Pattern is the verb `call`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "call", Modifiers: []string{"with", "headers", "as", "timeout", "shadow"}, Compile: compile,
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
	if as := b.Modifier("as"); as.Kind() == yamlfile.Map {
		return parted(b, r, beside, as)
	}
	into := b.Result(r.Type())
	if into == "" && beside == nil {
		return r
	}
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		answer, err := r.Call(ctx, x)
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

// parted compiles `as:` that names parts of the answer: {body: invoice, status: code, headers: head, links: links}.
func parted(b *pipelines.Build, r *pipelines.Request, beside *shadow, as *yamlfile.Node) hub.Step {
	as.Allow("as", "body", "status", "headers", "links")
	names := map[string]pipelines.Result{}
	for key, value := range as.Entries() {
		if name := pipelines.Variable(value); name != "" {
			t := shape.AnyType
			if key.Raw() == "body" {
				t = r.Type()
			}
			b.Flow.SetVar(name, t)
			names[key.Raw()] = pipelines.Result(name)
		}
	}
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		reply, err := r.Ask(ctx, x)
		if err != nil {
			return err
		}
		if names["body"] != "" || beside != nil {
			body, err := r.Document(reply)
			if err != nil {
				return err
			}
			if beside != nil {
				beside.put(x, body)
			}
			put(x, names["body"], body)
		}
		put(x, names["status"], status(reply))
		put(x, names["headers"], reply.Headers.Document(""))
		put(x, names["links"], hub.Headers(hub.Links(reply.Headers.Get("link"))).Document(""))
		return next(ctx, x)
	})
}

// put gives a variable its value, where one is named.
func put(x *hub.Exchange, name pipelines.Result, v doc.Value) {
	if name != "" {
		name.Put(x, v)
	}
}

// status is the status of an answer as a number; null: it has none.
func status(reply *hub.Message) doc.Value {
	if n, err := strconv.ParseInt(reply.Headers.Get(hub.HeaderStatus), 10, 64); err == nil {
		return doc.IntValue(n)
	}
	return doc.NullValue()
}
