// Package idempotent is the Idempotent Receiver: what was handled before is
// not handled again. The key is written by the unit of work that has the
// effect, never before it, so a failed message is no duplicate of itself.
package idempotent

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

//go:embed README.md
var readme string

// Pattern is the verb `idempotent`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: verb, Name: "Idempotent Receiver", Doc: readme, Keeps: true, Compile: compile,
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

type receiver struct {
	site    pipelines.Site
	prefix  string // of the records' keys
	key     *pipelines.Expr
	version *pipelines.Expr // nil: any repeat is a duplicate
	compare *pipelines.Expr // what a repeat repeats; nil: the whole body
	keep    time.Duration
	same    bool // same_reply
	fail    bool
	asks    func() bool
	waits   bool // somebody waits for the answer: a second request at the same time is told so
}

// Process passes on the first message of a key, and with `version` what is newer. What repeats it ends here; what only has its key is refused.
func (r *receiver) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	fr := formula.NewFrame(x)
	key, err := keyOf(r.key, fr)
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
	name := r.prefix + " " + key
	if err := enter(x, kind, name, r.waits); err != nil {
		return err
	}
	guess := r.version == nil && optimistic(x, r.asks)
	var before *handled
	var checked int64
	if !guess {
		if before, checked, err = read(ctx, x, kind, name); err != nil {
			return err
		}
	}
	if before != nil {
		if passes, err := r.passes(before, &now, version); err != nil {
			return err
		} else if !passes {
			return r.duplicate(x, key, before, &now)
		}
	}
	if x.Msg.Correlation == "" {
		m := *x.Msg
		m.Correlation = key
		x.Msg = &m
	}
	if err := next(ctx, x); err != nil {
		return failed(ctx, x, kind, name, guess, err)
	}
	if r.same {
		now.Reply = replyOf(x.Unit.Reply)
	}
	now.expires = x.Now().Add(r.keep)
	now.write(x, kind, name, checked)
	return nil
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
	if r.same {
		before.replay(x)
	}
	r.site.Note(x, x.Clock(), "duplicate", detail)
	return nil
}

// keyOf is the message's key.
func keyOf(e *pipelines.Expr, fr *formula.Frame) (string, error) {
	key, err := e.Text(fr)
	if err == nil {
		err = pipelines.CheckKey("key", key, pipelines.MaxKey)
	}
	return key, err
}

// enter keeps two messages of one key apart. Where somebody waits, the second
// is told to come again; else it waits for the first one's unit to be settled.
func enter(x *hub.Exchange, kind, name string, waits bool) error {
	if !waits {
		x.Serialize(kind, name)
		return nil
	}
	if x.Claim(kind, name) {
		return nil
	}
	e := hub.Fail(hub.Throttled, "in_progress", "a request with the same key is in progress").Tell()
	e.After = time.Second
	return e
}

// optimistic tells that the key may be taken for new without a look: the
// record is create-only, so the commit of a duplicate meets a conflict and the
// unit runs again, with the look. Not where the steps ask somebody outside.
func optimistic(x *hub.Exchange, asks func() bool) bool { return x.Fresh() && !asks() }

// failed is the error of the steps behind. If nobody looked before they ran,
// the message may be a duplicate that fails where the first one did not: then
// the unit runs again, with the look.
func failed(ctx context.Context, x *hub.Exchange, kind, name string, guess bool, err error) error {
	if !guess {
		return err
	}
	before, _, e := read(ctx, x, kind, name)
	if e != nil {
		return e
	}
	if before != nil {
		return fmt.Errorf("%s %q: %w", kind, name, hub.ErrConflict)
	}
	return err
}

// read gives what was handled under the name; nil: nothing.
func read(ctx context.Context, x *hub.Exchange, kind, name string) (*handled, int64, error) {
	rec, err := x.Record(ctx, kind, name)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, rec.Version, nil
	}
	h := &handled{expires: rec.Expires}
	if err == nil {
		err = json.Unmarshal(rec.Value, h)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s %q: %w", kind, name, err)
	}
	return h, rec.Version, nil
}
