package pipelines

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/units"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// errorShape is the variable `error` of error steps.
var errorShape = shape.ObjectType(
	shape.Field{Name: "class", Type: shape.StringType, Required: true},
	shape.Field{Name: "reason", Type: shape.StringType, Required: true},
	shape.Field{Name: "where", Type: shape.StringType, Required: true},
	shape.Field{Name: "message", Type: shape.StringType, Required: true},
	shape.Field{Name: "partial", Type: shape.BoolType, Required: true},
	shape.Field{Name: "cause", Type: shape.AnyType, Required: true}, // of the same shape, or null
)

// reactions are the step's own `retry:` and `errors:`; nil when it has neither.
func (b *Build) reactions(before *Flow) func(*hub.Error) (hub.Reaction, bool) {
	var retry *hub.Retry
	if n := b.Modifier("retry"); n != nil {
		retry = b.plan.retry(n)
	}
	var table map[string]hub.Reaction
	if n := b.Modifier("errors"); n != nil {
		f := before.Branch()
		f.background = true // the reply is that of the whole pipeline
		table = b.errorTable(n, f)
	}
	if retry == nil && table == nil {
		return nil
	}
	return func(e *hub.Error) (hub.Reaction, bool) {
		if r, ok := pick(table, e); ok {
			return r, true
		}
		if retry != nil && decides(retry, e.Class) {
			return hub.Reaction{Retry: retry}, true
		}
		return hub.Reaction{}, false
	}
}

// policy is the pipeline's `errors:`.
func (b *Build) policy(n *yamlfile.Node) hub.Policy {
	if n == nil {
		return nil
	}
	table := b.errorTable(n, b.Flow)
	return func(e *hub.Error) hub.Reaction {
		r, _ := pick(table, e)
		return r
	}
}

// pick finds the reaction to e: by its class, else by `other`.
func pick(table map[string]hub.Reaction, e *hub.Error) (hub.Reaction, bool) {
	if r, ok := table[string(e.Class)]; ok {
		return r, true
	}
	if r, ok := table["other"]; ok && (r.Retry == nil || decides(r.Retry, e.Class)) {
		return r, true
	}
	return hub.Reaction{}, false
}

// decides tells whether the policy says what becomes of the class; else the next one around it, or the default, does.
func decides(r *hub.Retry, c hub.Class) bool { return r == hub.Never || r.Takes(c) }

// errorTable reads `errors: {invalid: {send: orders.invalid}, other: {retry: patient}}`.
func (b *Build) errorTable(n *yamlfile.Node, f *Flow) map[string]hub.Reaction {
	table := map[string]hub.Reaction{}
	for class, value := range b.ErrorClasses(n, "write {invalid: {send: orders.invalid}, other: {retry: name}}") {
		if value.Get("goto") != nil {
			value.KeyNode("goto").Errorf("E290", "write a step, as {send: orders.invalid}, or move it to a state of a process", "`goto` leads to a state, and a pipeline has none")
			continue
		}
		if r := value.Get("retry"); r != nil && len(value.Keys()) == 1 {
			retry := b.plan.retry(r)
			if retry != nil && class != "other" && !decides(retry, hub.Class(class)) {
				r.Errorf("E258", "add "+class+" to the `errors` of the retry, or remove this", "the retry %s does not take the class %s", retry.Name, class)
			}
			table[class] = hub.Reaction{Retry: retry}
			continue
		}
		steps := f.Branch()
		steps.onError = true
		steps.Scope = steps.Scope.WithBody(shape.AnyType).WithVar("error", errorShape)
		var s hub.Step
		if value.Kind() == yamlfile.List {
			s = b.Steps(value, steps)
		} else {
			s = b.Inner(value, steps)
		}
		if s != nil {
			waits := b.pl.answers()
			table[class] = hub.Reaction{Steps: func(ctx context.Context, x *hub.Exchange) error {
				if waits {
					x.Vars = append(slices.Clip(x.Vars), asked(x.Msg)...)
				}
				return s.Process(ctx, x, hub.End)
			}}
		}
	}
	return table
}

// ErrorClasses yields the classes of a table `errors:`, each with what is said of it. It reports those that there are none of, and what is
// no table; help is how one is written.
func (b *Build) ErrorClasses(n *yamlfile.Node, help string) iter.Seq2[string, *yamlfile.Node] {
	known := slices.Concat(classNames(), b.plan.failNames, []string{"other"})
	return func(yield func(string, *yamlfile.Node) bool) {
		n.Is(yamlfile.Map, "E220", help, "`errors` is a map of classes")
		for key, value := range n.Entries() {
			if class := key.Raw(); !slices.Contains(known, class) {
				Unknown(key, "E221", "error class", class, known)
			} else if !yield(class, value) {
				return
			}
		}
	}
}

func classNames() []string {
	return Names(hub.Classes, func(c hub.Class) string { return string(c) })
}

// retrySettings is an entry of `retries:`: {times: 8, wait: 1s..5m, errors: [timeout]}.
type retrySettings struct {
	Times  int      `yaml:"times" min:"1" max:"100000" required:"true" doc:"tries after the first; then a dead letter"`
	Wait   string   `yaml:"wait" required:"true" doc:"pause before the first and the longest: 1s..5m"`
	Errors []string `yaml:"errors" doc:"error classes to retry; default timeout, unavailable, throttled"`
}

func (l *loading) readRetries(n *yamlfile.Node) {
	for key, value := range n.Entries() {
		if r := l.retryOf(key.Raw(), value); r != nil {
			l.retries[key.Raw()] = r
		} else {
			l.broken["retry "+key.Raw()] = true
		}
	}
}

func (l *loading) retryOf(name string, n *yamlfile.Node) *hub.Retry {
	var s retrySettings
	n.Decode(&s, "retry")
	r := &hub.Retry{Name: name, Times: s.Times}
	if w := n.Get("wait"); w != nil && s.Wait != "" {
		from, to, span := strings.Cut(s.Wait, "..")
		if !span {
			to = from
		}
		var err1, err2 error
		r.Min, err1 = units.ParseDuration(from)
		r.Max, err2 = units.ParseDuration(to)
		if err1 != nil || err2 != nil || r.Min <= 0 || r.Max < r.Min || r.Max > 30*24*time.Hour {
			w.Errorf("E214", "write 1s..5m: the first pause and the longest", "%q is no span of pauses", s.Wait)
			return nil
		}
	}
	for i, c := range s.Errors {
		r.Errors = append(r.Errors, hub.Class(c))
		if known := append(classNames(), l.failNames...); !slices.Contains(known, c) {
			item := n.Get("errors")
			if items := item.Items(); i < len(items) {
				item = items[i]
			}
			item.Errorf("E221", didYouMean(c, known), "unknown error class %q", c)
		}
	}
	return r
}

// retry finds the policy that n names, or reads one that stands there.
func (l *loading) retry(n *yamlfile.Node) *hub.Retry {
	if n.Kind() == yamlfile.Map {
		return l.retryOf("inline", n)
	}
	if n.Str() == hub.Never.Name {
		return hub.Never
	}
	return declared(l, "E215", "retry", l.retries, n, hub.Never.Name)
}
