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
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
)

//go:embed README.md
var readme string

// Pattern is the verb `idempotent`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "idempotent", Name: "Idempotent Receiver", Doc: readme, Keeps: true, Compile: compile}
}

const (
	kind        = "idempotent"
	defaultKeep = 30 * 24 * time.Hour
	maxKey      = 255
)

type receiver struct {
	b       *pipelines.Build
	prefix  string // of the records' keys
	key     *pipelines.Expr
	version *pipelines.Expr // nil: any repeat is a duplicate
	keep    time.Duration
	same    bool // same_reply
	fail    bool
	asks    func() bool
	waits   bool // somebody waits for the answer: a second request at the same time is told so
}

// Process passes the first message of a key on, and what comes after it in time (version) is newer.
func (r *receiver) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	fr := formula.NewFrame(x)
	key, err := r.key.Text(fr)
	if err == nil {
		err = checkLength(key)
	}
	if err != nil {
		return err
	}
	version, err := r.versionOf(fr)
	if err != nil {
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
		if newer, err := r.newer(before, version); err != nil {
			return err
		} else if !newer {
			return r.duplicate(x, key, before)
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
	now := handled{ID: x.Msg.ID}
	if r.version != nil {
		now.Version = version.JSON()
	}
	if r.same {
		now.Reply = replyOf(x.Unit.Reply)
	}
	now.write(x, kind, name, checked, r.keep)
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

func (r *receiver) newer(before *handled, version doc.Value) (bool, error) {
	if r.version == nil {
		return false, nil
	}
	c, err := CompareVersions(version, before.version())
	return c > 0, err
}

func (r *receiver) duplicate(x *hub.Exchange, key string, before *handled) error {
	what := "duplicate"
	detail := key + " was handled as " + before.ID
	if r.version != nil {
		detail = key + " has version " + before.version().Text() + " already, from " + before.ID
	}
	if r.fail && before.ID != x.Msg.ID { // the same message delivered again is no new request
		return hub.Fail(hub.Rejected, "duplicate", "%s", detail)
	}
	if r.same {
		before.replay(x)
	}
	r.b.Note(x, x.Clock(), what, detail)
	return nil
}

func checkLength(key string) error {
	if utf8.RuneCountInString(key) > maxKey {
		return hub.Fail(hub.Invalid, "key_too_long", "the key %s… is longer than %d characters", string([]rune(key)[:40]), maxKey)
	}
	return nil
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
	e := hub.Fail(hub.Throttled, "in_progress", "a request with the same key is in progress")
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
	h := &handled{}
	if err == nil {
		err = json.Unmarshal(rec.Value, h)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s %q: %w", kind, name, err)
	}
	return h, rec.Version, nil
}
