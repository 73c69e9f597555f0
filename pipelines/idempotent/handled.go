package idempotent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
)

// headerReplayed marks an answer that was given before.
const headerReplayed = "idempotent-replayed"

// handled is the record of a key: the message that was handled, and what was answered.
type handled struct {
	ID      string          `json:"id"`
	Version json.RawMessage `json:"version,omitempty"`
	Hash    string          `json:"hash,omitempty"` // of what a repeat has in common with it
	Free    bool            `json:"free,omitempty"` // the key was given back: who differs takes it
	Reply   *storedReply    `json:"reply,omitempty"`

	expires time.Time
}

type storedReply struct {
	Headers map[string]string `json:"headers,omitempty"` // the status among them
	Body    []byte            `json:"body,omitempty"`
}

// version is Missing where none was kept.
func (h *handled) version() doc.Value {
	v, err := doc.Parse(h.Version)
	if err != nil {
		return doc.Value{}
	}
	return v
}

// write adds the record to x's unit.
func (h *handled) write(x *hub.Exchange, kind, name string, version int64) {
	raw, err := json.Marshal(h)
	if err != nil {
		panic(err) // texts, bytes and parsed JSON always marshal
	}
	x.Write(hub.Write{Kind: kind, Key: name, Value: raw, IfVersion: version, Expires: h.expires})
}

func replyOf(m *hub.Message) *storedReply {
	if m == nil {
		return nil
	}
	return &storedReply{Headers: m.Headers, Body: m.Body.Bytes()}
}

// replay gives the stored reply once more.
func (h *handled) replay(x *hub.Exchange) {
	if h.Reply == nil {
		return
	}
	m := &hub.Message{ID: hub.DeriveID(x.Msg.ID, "reply"), Correlation: x.Msg.Correlation, Time: x.Now(), Headers: h.Reply.Headers}
	m.Headers = m.Headers.With(headerReplayed, "true")
	if len(h.Reply.Body) > 0 {
		m.Body = hub.NewBody(h.Reply.Body)
	}
	x.Unit.Reply = m
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

// guard lets one message of a key through to the steps behind it.
type guard struct {
	site    pipelines.Site
	kind    string // of the records
	keep    time.Duration
	asks    func() bool // some step of the stage asks somebody outside
	waits   bool        // somebody waits for the answer: a second request at the same time is told so
	looks   bool        // the key is never taken for new without a look
	replies bool        // the record keeps the reply
}

// once runs next for now, and keeps the record of its key in the same unit. Where something was handled under the name
// before, known decides whether the message goes on.
//
// The key may be taken for new without a look: the record is create-only, so the commit of a duplicate meets a conflict and
// the unit runs again, with the look. Not where the steps ask somebody outside.
func (g *guard) once(ctx context.Context, x *hub.Exchange, name string, now handled, known func(before *handled) (bool, error), next hub.Next) error {
	guess := !g.looks && x.Fresh() && !g.asks()
	version, passes, err := g.before(ctx, x, name, guess, known)
	if err != nil {
		return g.site.At(err)
	}
	if !passes {
		return nil
	}
	if err := next(ctx, x); err != nil {
		if !guess {
			return err
		}
		// It may be a duplicate that fails where the first one did not.
		if before, _, e := read(ctx, x, g.kind, name); e != nil {
			return e
		} else if before != nil {
			return fmt.Errorf("%s %q: %w", g.kind, name, hub.ErrConflict)
		}
		return err
	}
	if g.replies {
		now.Reply = replyOf(x.Unit.Reply)
	}
	now.expires = x.Now().Add(g.keep)
	now.write(x, g.kind, name, version)
	return nil
}

// before tells whether a message goes on, and the version of the record that it replaces then. guess: nobody looks.
func (g *guard) before(ctx context.Context, x *hub.Exchange, name string, guess bool, known func(*handled) (bool, error)) (version int64, passes bool, err error) {
	if err := g.enter(x, name); err != nil || guess {
		return 0, true, err
	}
	before, version, err := read(ctx, x, g.kind, name)
	if err != nil || before == nil {
		return version, true, err
	}
	passes, err = known(before)
	return version, passes, err
}

// enter keeps two messages of one key apart. Where somebody waits, the second
// is told to come again; else it waits for the first one's unit to be settled.
func (g *guard) enter(x *hub.Exchange, name string) error {
	if !g.waits {
		x.Serialize(g.kind, name)
		return nil
	}
	if x.Claim(g.kind, name) {
		return nil
	}
	e := hub.Fail(hub.Throttled, "in_progress", "a request with the same key is in progress").Tell()
	e.After = time.Second
	return e
}

// HeaderKey are the implicit receivers of a pipeline whose source waits for an
// answer: a request that was answered before gets the same answer again,
// without its steps being run. The sender names it, with the header
// idempotency-key; or its proven origin does, so that a recorded webhook has no
// second effect. It is for Registry.Entry.
func HeaderKey(b *pipelines.Build) []hub.Step {
	step := func(header string) hub.Step {
		return &headerKey{guard{site: b.Site, kind: header, keep: defaultKeep, asks: b.Asks(), waits: true, replies: true}}
	}
	return []hub.Step{step(hub.HeaderIdempotency), step(hub.HeaderVerified)}
}

// headerKey keeps records of the kind that is its header's name; key: pipeline, a space, the header.
type headerKey struct{ guard }

func (h *headerKey) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	key := x.Msg.Headers.Get(h.kind)
	if key == "" {
		return next(ctx, x)
	}
	if err := pipelines.CheckKey("key", key, pipelines.MaxKey); err != nil {
		return h.site.At(err)
	}
	now := handled{ID: x.Msg.ID, Hash: requestHash(x.Msg)}
	return h.once(ctx, x, h.site.Where+" "+key, now, func(first *handled) (bool, error) {
		if first.Hash != now.Hash {
			return false, hub.Fail(hub.Invalid, "idempotency_key_reused", "the %s %s was used for another request", h.kind, key).Tell()
		}
		first.replay(x)
		h.site.Note(x, x.Clock(), "duplicate", h.kind+" of "+first.ID)
		return false, nil
	}, next)
}

// requestHash tells requests apart: their bodies, and the parameters of their paths and queries.
func requestHash(m *hub.Message) string {
	var parts []string
	for name, value := range m.Headers {
		if strings.HasPrefix(name, "param.") || strings.HasPrefix(name, "query.") {
			parts = append(parts, name+"="+value)
		}
	}
	slices.Sort(parts)
	return hub.HashID(strings.Join(parts, "\x00") + "\x00" + string(m.Body.Bytes()))
}
