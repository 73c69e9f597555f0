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
	if err != nil {
		return err
	}
	if err := checkLength(key); err != nil {
		return err
	}
	now := handled{ID: x.Msg.ID}
	var applied doc.Value
	if r.version != nil {
		if applied, err = r.version.Value(fr); err != nil {
			return err
		}
		if err := VersionOf(applied, r.version.Source()); err != nil {
			return err
		}
		now.Version = applied.JSON()
	}
	name := r.prefix + " " + key
	if err := enter(x, kind, name, r.waits); err != nil {
		return err
	}
	var before *handled
	var version int64
	if r.version != nil || !optimistic(x, r.asks) {
		if before, version, err = read(ctx, x, kind, name); err != nil {
			return err
		}
	}
	if before != nil {
		newer, err := r.newer(before, applied)
		if err != nil {
			return err
		}
		if !newer {
			return r.duplicate(x, key, before)
		}
	}
	if x.Msg.Correlation == "" {
		m := *x.Msg
		m.Correlation = key
		x.Msg = &m
	}
	if err := next(ctx, x); err != nil {
		return err
	}
	if r.same {
		now.Reply = replyOf(x.Unit.Reply)
	}
	now.write(x, kind, name, version, r.keep)
	return nil
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
