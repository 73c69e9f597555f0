package idempotent

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
)

// HeaderKey are the implicit receivers of a pipeline whose source waits for an
// answer: a request that was answered before gets the same answer again,
// without its steps being run. The sender names it, with the header
// idempotency-key; or its proven origin does, so that a recorded webhook has no
// second effect. It is for Registry.Entry.
func HeaderKey(b *pipelines.Build) []hub.Step {
	return []hub.Step{headerKey{b.Site, b.Asks(), hub.HeaderIdempotency}, headerKey{b.Site, b.Asks(), hub.HeaderVerified}}
}

// headerKey keeps records of the kind that is its header's name; key: pipeline, a space, the header.
type headerKey struct {
	site   pipelines.Site
	asks   func() bool
	header string
}

func (h headerKey) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	key := x.Msg.Headers.Get(h.header)
	if key == "" {
		return next(ctx, x)
	}
	now, name := handled{ID: x.Msg.ID, Hash: requestHash(x.Msg)}, h.site.Where+" "+key
	guess := optimistic(x, h.asks)
	replayed, version, err := h.before(ctx, x, key, name, now.Hash, guess)
	if err != nil {
		return h.site.At(err)
	}
	if replayed {
		return nil
	}
	if err := next(ctx, x); err != nil {
		return failed(ctx, x, h.header, name, guess, err)
	}
	now.Reply = replyOf(x.Unit.Reply)
	now.expires = x.Now().Add(defaultKeep)
	now.write(x, h.header, name, version)
	return nil
}

// before answers a request that was answered before; guess: nobody looks.
func (h headerKey) before(ctx context.Context, x *hub.Exchange, key, name, hash string, guess bool) (replayed bool, version int64, err error) {
	if err := pipelines.CheckKey("key", key, pipelines.MaxKey); err != nil {
		return false, 0, err
	}
	if err := enter(x, h.header, name, true); err != nil {
		return false, 0, err
	}
	if guess {
		return false, 0, nil
	}
	first, version, err := read(ctx, x, h.header, name)
	if err != nil || first == nil {
		return false, version, err
	}
	if first.Hash != hash {
		return false, 0, hub.Fail(hub.Invalid, "idempotency_key_reused", "the %s %s was used for another request", h.header, key).Tell()
	}
	first.replay(x)
	h.site.Note(x, x.Clock(), "duplicate", h.header+" of "+first.ID)
	return true, version, nil
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
