package idempotent

import (
	"context"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
)

// kindHeader are the records of Idempotency-Key headers; key: pipeline, a space, the header.
const kindHeader = "idempotency-key"

// HeaderKey is the implicit receiver of a pipeline whose source waits for an
// answer: a request with the header idempotency-key that was answered before
// gets the same answer again, without its steps being run. It is for Registry.Entry.
func HeaderKey(b *pipelines.Build) []hub.Step {
	return []hub.Step{headerKey{b, b.Asks()}}
}

type headerKey struct {
	b    *pipelines.Build
	asks func() bool
}

func (h headerKey) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	key := x.Msg.Headers.Get(hub.HeaderIdempotency)
	if key == "" {
		return next(ctx, x)
	}
	now, name := handled{ID: x.Msg.ID, Hash: requestHash(x.Msg)}, h.b.Where+" "+key
	guess := optimistic(x, h.asks)
	replayed, version, err := h.before(ctx, x, key, name, now.Hash, guess)
	if err != nil {
		return h.b.At(err)
	}
	if replayed {
		return nil
	}
	if err := next(ctx, x); err != nil {
		return failed(ctx, x, kindHeader, name, guess, err)
	}
	now.Reply = replyOf(x.Unit.Reply)
	now.expires = x.Now().Add(defaultKeep)
	now.write(x, kindHeader, name, version)
	return nil
}

// before answers a request that was answered before; guess: nobody looks.
func (h headerKey) before(ctx context.Context, x *hub.Exchange, key, name, hash string, guess bool) (replayed bool, version int64, err error) {
	if err := checkLength(key); err != nil {
		return false, 0, err
	}
	if err := enter(x, kindHeader, name, true); err != nil {
		return false, 0, err
	}
	if guess {
		return false, 0, nil
	}
	first, version, err := read(ctx, x, kindHeader, name)
	if err != nil || first == nil {
		return false, version, err
	}
	if first.Hash != hash {
		return false, 0, hub.Fail(hub.Invalid, "idempotency_key_reused", "the Idempotency-Key %s was used for another request", key)
	}
	first.replay(x)
	h.b.Note(x, x.Clock(), "duplicate", "Idempotency-Key of "+first.ID)
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
