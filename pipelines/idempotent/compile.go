package idempotent

import (
	"context"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

type options struct {
	Key       *yamlfile.Node `yaml:"key" required:"true" doc:"formula: what makes two messages the same"`
	Keep      time.Duration  `yaml:"keep" default:"30d" min:"1s" doc:"how long a key is remembered"`
	Version   *yamlfile.Node `yaml:"version" doc:"formula: a message of the key passes if its version is newer than the last one applied"`
	Compare   *yamlfile.Node `yaml:"compare" doc:"formula: what a repeat has in common with the first message of its key; default: the whole body. A message that differs is no repeat: error rejected, reason key_conflict"`
	Duplicate string         `yaml:"duplicate" default:"drop" oneof:"drop|same_reply|fail" doc:"what becomes of a duplicate"`
	Scope     string         `yaml:"scope" doc:"name of a set of keys that several pipelines share; default: the keys are the pipeline's own"`
	Release   bool           `yaml:"release" doc:"give the message's key back, instead of taking it: another message may have it"`
}

func compile(b *pipelines.Build) hub.Step {
	o := options{Keep: defaultKeep, Duplicate: "drop"}
	if b.Node.Kind() == yamlfile.Scalar {
		o.Key = b.Node
	} else {
		b.Node.Decode(&o, verb)
	}
	if o.Key == nil {
		return nil
	}
	r := &receiver{fail: o.Duplicate == duplicateFail, guard: guard{site: b.Site, kind: kind, keep: o.Keep, asks: b.Asks(),
		waits: b.Waits() && !b.Background(), looks: o.Version != nil, replies: o.Duplicate == duplicateReply}}
	r.prefix = strings.Replace(b.Where, "/idempotent", "", 1)
	if o.Scope != "" {
		r.prefix = "scope:" + o.Scope
	}
	r.key = b.Scalar(o.Key, "a key is a text or a number", "body.order_id", shape.Bool)
	if o.Release {
		return compileRelease(b, r, o.Scope)
	}
	r.compare = b.Expr(o.Compare, b.Flow.Scope)
	r.version = b.Scalar(o.Version, "a version is a number, a time or a text", "body.order_id", shape.Bool)
	dup := b.Node.Get("duplicate")
	switch {
	case r.replies && o.Version != nil:
		dup.Errorf("E274", "remove one of them", "`same_reply` is for repeats of one request, `version` for news about one thing")
	case o.Compare != nil && o.Version != nil:
		b.Node.KeyNode("compare").Errorf("E274", "remove one of them", "messages of one key with another `version` differ on purpose")
	case r.replies && !r.waits:
		dup.Errorf("E274", "write duplicate: drop", "nobody waits for a reply here")
	}
	return r
}

// release gives back the key that a message took, because nothing came of the
// message: another message may take it then. A repeat of this one stays a repeat.
type release struct {
	site   pipelines.Site
	prefix string
	key    *pipelines.Expr
}

// compileRelease checks that some step takes the keys which this one gives back.
func compileRelease(b *pipelines.Build, r *receiver, scope string) hub.Step {
	b.Node.Refuse("E274", "remove it", "`%s` has no meaning for a release", "keep", "version", "compare", "duplicate")
	known := scopes(b.Node.Root().Get("pipelines"))
	switch {
	case scope == "":
		b.Node.KeyNode("release").Errorf("E274", "name the set of keys with scope:, here and at the step that takes them", "`release` needs a scope")
	case !slices.Contains(known, scope):
		b.Node.Get("scope").Errorf("E274", "known: "+strings.Join(known, ", "), "no idempotent step takes keys of the scope %q", scope)
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
	key, err := r.key.Key(formula.NewFrame(x), "key")
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
