// Package idempotent is the Idempotent Receiver: what was handled before is
// not handled again. The key is written by the unit of work that has the
// effect, never before it, so a failed message is no duplicate of itself.
package idempotent

import (
	"context"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `idempotent`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: verb, Keeps: true, Compile: compile,
		Passes: passes}
}

// passes tells what becomes of a duplicate.
func passes(step *yamlfile.Node, _ pipelines.Passing) pipelines.Passing {
	switch n := step.Get(verb); {
	case n.Get("release") != nil:
		return pipelines.PassesAll
	case n.Get("duplicate").Raw() == duplicateReply, n.Get("duplicate").Raw() == duplicateFail:
		return pipelines.PassesSome
	}
	return pipelines.PassesFewer
}

const (
	verb        = "idempotent"
	kind        = "idempotent" // of the records of the keys that are taken
	defaultKeep = 30 * 24 * time.Hour

	duplicateReply = "same_reply"
	duplicateFail  = "fail"
)

// receiver is the step `idempotent`.
type receiver struct {
	guard
	prefix  string // of the records' keys
	key     *pipelines.Expr
	version *pipelines.Expr // nil: any repeat is a duplicate
	compare *pipelines.Expr // what a repeat repeats; nil: the whole body
	fail    bool
}

// Process passes on the first message of a key, and with `version` what is newer. What repeats it ends here; what only has its key is refused.
func (r *receiver) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	fr := formula.NewFrame(x)
	key, err := r.key.Key(fr, "key")
	if err != nil {
		return err
	}
	now := handled{ID: x.Msg.ID}
	version, err := r.versionOf(fr)
	if err != nil {
		return err
	}
	if r.version != nil {
		now.Version = version.JSON()
	} else if now.Hash, err = r.hashOf(fr); err != nil {
		return err
	}
	known := func(before *handled) (passes bool, err error) {
		if passes, err = r.passes(before, &now, version); err != nil || passes {
			return passes, err
		}
		return false, r.duplicate(x, key, before, &now)
	}
	return r.once(ctx, x, r.prefix+" "+key, now, known, func(ctx context.Context, x *hub.Exchange) error {
		if x.Msg.Correlation == "" {
			x.Msg = x.Msg.WithCorrelation(key)
		}
		return next(ctx, x)
	})
}

// versionOf is Missing without `version`.
func (r *receiver) versionOf(fr *formula.Frame) (doc.Value, error) {
	if r.version == nil {
		return doc.Value{}, nil
	}
	v, err := r.version.Value(fr)
	if err != nil {
		return v, err
	}
	return v, CheckVersion(v, r.version.Source())
}

// hashOf tells a repeat of a message from another message with its key.
func (r *receiver) hashOf(fr *formula.Frame) (string, error) {
	if r.compare != nil {
		v, err := r.compare.Value(fr)
		return doc.Digest(v), err
	}
	if d, err := fr.X.Doc(); err == nil {
		return doc.Digest(d), nil
	}
	return hub.HashID(string(fr.X.Msg.Body.Bytes())), nil // no document: byte by byte
}

// passes tells whether a message is news though its key is known: it is newer, or differs and the key was given back.
func (r *receiver) passes(before, now *handled, version doc.Value) (bool, error) {
	if r.version == nil {
		return before.Free && before.Hash != now.Hash, nil
	}
	c, err := CompareVersions(version, before.version())
	return c > 0, err
}

func (r *receiver) duplicate(x *hub.Exchange, key string, before, now *handled) error {
	detail := key + " was handled as " + before.ID
	if r.version != nil {
		detail = key + " has version " + before.version().Text() + " already, from " + before.ID
	}
	switch again := before.ID == now.ID; { // the same message delivered again is no new request
	case again:
	case r.version == nil && before.Hash != now.Hash:
		return hub.Fail(hub.Rejected, "key_conflict", "%s was used for another message, %s", key, before.ID).Tell()
	case r.fail:
		return hub.Fail(hub.Rejected, "duplicate", "%s", detail).Tell()
	}
	if r.replies {
		before.replay(x)
	}
	r.site.Note(x, x.Clock(), "duplicate", detail)
	return nil
}

// CheckVersion checks that the version a formula gave can be compared: a number, a time or a text.
func CheckVersion(v doc.Value, source string) error {
	if _, ok := doc.ParseTime(v.Str()); !ok && doc.LooksLikeTime(v.Str()) {
		return hub.Fail(hub.Invalid, "time", "%s is %s, which is no time", source, v)
	}
	if v.Kind() != doc.Number && (v.Kind() != doc.String || v.Str() == "") {
		return hub.Fail(hub.Invalid, "transform", "%s is %s: a version is a number, a time or a text", source, v.Kind())
	}
	return nil
}

// CompareVersions orders two versions: numbers (also written as texts) by value, times by instant, other texts by their bytes.
func CompareVersions(a, b doc.Value) (int, error) {
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return x.Cmp(y), nil
		}
	}
	if a.Kind() != b.Kind() {
		return 0, hub.Fail(hub.Invalid, "transform", "version %s can't be compared with %s, the last one", a, b)
	}
	x, isTime := doc.ParseTime(a.Str())
	y, wasTime := doc.ParseTime(b.Str())
	switch {
	case isTime && wasTime:
		return x.Compare(y), nil
	case isTime != wasTime: // neither is the newer one
		return 0, hub.Fail(hub.Invalid, "time", "version %s can't be compared with %s, the last one: one of them is no time", a, b)
	}
	return strings.Compare(a.Str(), b.Str()), nil
}

func number(v doc.Value) (doc.Decimal, bool) {
	if v.Kind() == doc.Number {
		return v.Num(), true
	}
	d, err := doc.ParseDecimal(v.Str())
	return d, err == nil
}
