package idempotent

import (
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
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
	r := &receiver{site: b.Site, asks: b.Asks(), keep: o.Keep, same: o.Duplicate == duplicateReply, fail: o.Duplicate == duplicateFail, waits: b.Waits() && !b.Background()}
	r.prefix = strings.Replace(b.Where, "/idempotent", "", 1)
	if o.Scope != "" {
		r.prefix = "scope:" + o.Scope
	}
	r.key = b.Scalar(o.Key, "a key is a text or a number", "body.order_id", shape.Bool)
	if o.Release {
		return compileRelease(b, r, o.Scope)
	}
	if o.Compare != nil {
		if r.compare = b.Expr(o.Compare, b.Flow.Scope); r.compare == nil {
			return nil
		}
	}
	if o.Version != nil {
		if r.version = b.Scalar(o.Version, "a version is a number, a time or a text", "body.order_id", shape.Bool); r.version == nil {
			return nil
		}
	}
	dup := b.Node.Get("duplicate")
	switch {
	case r.same && r.version != nil:
		dup.Errorf("E274", "remove one of them", "`same_reply` is for repeats of one request, `version` for news about one thing")
	case r.compare != nil && r.version != nil:
		b.Node.KeyNode("compare").Errorf("E274", "remove one of them", "messages of one key with another `version` differ on purpose")
	case r.same && !r.waits:
		dup.Errorf("E274", "write duplicate: drop", "nobody waits for a reply here")
	}
	if r.key == nil {
		return nil
	}
	return r
}
