package idempotent

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// release gives back the key that a message took, because nothing came of the
// message: another message may take it then. A repeat of this one stays a repeat.
type release struct {
	site   pipelines.Site
	prefix string
	key    *pipelines.Expr
}

// compileRelease checks that some step takes the keys which this one gives back.
func compileRelease(b *pipelines.Build, r *receiver, scope string) hub.Step {
	for _, k := range []string{"keep", "version", "compare", "duplicate"} {
		if at := b.Node.KeyNode(k); at != nil {
			at.Errorf("E274", "remove it", "`%s` has no meaning for a release", k)
		}
	}
	known := scopes(b.Node.Root().Get("pipelines"))
	switch {
	case scope == "":
		b.Node.KeyNode("release").Errorf("E274", "name the set of keys with scope:, here and at the step that takes them", "`release` needs a scope")
		return nil
	case !slices.Contains(known, scope):
		b.Node.Get("scope").Errorf("E274", "known: "+strings.Join(known, ", "), "no idempotent step takes keys of the scope %q", scope)
		return nil
	case r.key == nil:
		return nil
	}
	return &release{site: b.Site, prefix: r.prefix, key: r.key}
}

// scopes are those of the steps below n that take keys.
func scopes(n *yamlfile.Node) (known []string) {
	for at := range n.All() {
		if step := at.Get(verb); step.Get("scope") != nil && step.Get("release") == nil {
			known = append(known, step.Get("scope").Str())
		}
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// Process frees the key if this message, or one that it came from, took it.
func (r *release) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	key, err := keyOf(r.key, formula.NewFrame(x))
	if err != nil {
		return err
	}
	name := r.prefix + " " + key
	x.Serialize(kind, name)
	held, version, err := read(ctx, x, kind, name)
	switch {
	case err != nil:
		return err
	case held == nil || (&hub.Message{ID: held.ID}).Root() != x.Msg.Root():
		r.site.Note(x, x.Clock(), "not released", key+" is not this message's")
	default:
		held.Free = true
		held.write(x, kind, name, version)
		r.site.Note(x, x.Clock(), "released", key)
	}
	return next(ctx, x)
}
