// Package fail stops the message with a named error class, which `errors:` reacts to.
package fail

import (
	"cmp"
	"context"
	"regexp"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `fail`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "fail", Compile: compile,
		Process: true, Passes: pipelines.PassesSome.Always, Raises: classOf}
}

// classOf is the error class that a step names.
func classOf(step *yamlfile.Node) string {
	n := step.Get("fail")
	return cmp.Or(n.Get("class"), n).Raw()
}

var className = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func compile(b *pipelines.Build) hub.Step {
	class, say := b.Node, (*pipelines.Value)(nil)
	if b.Node.Kind() == yamlfile.Map {
		b.Node.Allow("fail", "class", "say")
		class = b.Node.Get("class")
		say = b.Value(b.Node.Get("say"), b.Flow.Scope, shape.StringType)
	}
	name := class.Raw()
	if name == "" {
		b.Node.Errorf("E266", "write fail: out_of_stock", "fail needs the name of an error class")
		return nil
	}
	if !className.MatchString(name) {
		class.Errorf("E266", "write fail: out_of_stock, with letters, digits, - and _; a text goes into say:", "%q can't be the name of an error class", name)
		return nil
	}
	return hub.StepFunc(func(_ context.Context, x *hub.Exchange, _ hub.Next) error {
		text := name
		if say != nil {
			v, err := say.Apply(formula.NewFrame(x))
			if err != nil {
				return err
			}
			text = cmp.Or(v.Text(), name)
		}
		e := hub.Fail(hub.Class(name), name, "%s", text).Tell()
		e.Verdict = true
		return e
	})
}
