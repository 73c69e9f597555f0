package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// bank is a far end that takes money, once for each Idempotency-Key, and gives it back. It outlives hubs.
type bank struct {
	mu      sync.Mutex
	moods   []string          // of the charges to come: lost, timeout, rejected, unavailable; "" and behind the last: it answers
	charges map[string]string // IDs by Idempotency-Key
	back    map[string]bool   // charges that were given back
	log     []string
}

func newBank(moods ...string) *bank {
	return &bank{moods: moods, charges: map[string]string{}, back: map[string]bool{}}
}

func (b *bank) answers() map[string]patterntest.Answer {
	return map[string]patterntest.Answer{"billing.charge": b.charge, "billing.refund": b.refund,
		"shipping.book": b.note("book", `{"id":"s1"}`), "shipping.cancel": b.note("cancel", `{}`), "shipping.pick": b.note("pick", `{}`)}
}

// charge takes the money, but for the moods timeout, rejected and unavailable; lost takes it and says nothing.
func (b *bank) charge(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	mood := ""
	if len(b.moods) > 0 {
		mood, b.moods = b.moods[0], b.moods[1:]
	}
	b.log = append(b.log, "charge")
	if mood != "" && mood != "lost" {
		return nil, hub.Fail(hub.Class(mood), mood, "no")
	}
	key := m.Headers.Get(hub.HeaderIdempotency)
	if b.charges[key] == "" {
		b.charges[key] = fmt.Sprintf("c%d", len(b.charges)+1)
	}
	if mood == "lost" {
		return nil, hub.Fail(hub.Timeout, "timeout", "no answer")
	}
	return answer(fmt.Sprintf(`{"id":%q}`, b.charges[key]))(ctx, m)
}

func (b *bank) refund(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var r struct{ Charge string }
	if err := json.Unmarshal(m.Body.Bytes(), &r); err != nil || r.Charge == "" {
		return nil, hub.Fail(hub.Invalid, "refund", "refund of nothing: %s", m.Body.Bytes())
	}
	b.log = append(b.log, "refund "+r.Charge)
	b.back[r.Charge] = true
	return answer(`{}`)(ctx, m)
}

func (b *bank) note(what, json string) patterntest.Answer {
	return func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		b.mu.Lock()
		b.log = append(b.log, what)
		b.mu.Unlock()
		return answer(json)(ctx, m)
	}
}

// taken is how many charges were made, kept how many of them were not given back.
func (b *bank) taken() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.charges) }
func (b *bank) kept() int  { b.mu.Lock(); defer b.mu.Unlock(); return len(b.charges) - len(b.back) }
