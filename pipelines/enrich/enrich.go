// Package enrich is the Content Enricher: it asks for what the message lacks and puts the answer into it.
package enrich

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/set"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `enrich`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "enrich", Modifiers: []string{"timeout"}, Compile: compile,
		Passes: pipelines.PassesAll.Always, Object: operation,
		Asks: func(step *yamlfile.Node) []*yamlfile.Node { return []*yamlfile.Node{operation(step)} }}
}

func operation(step *yamlfile.Node) *yamlfile.Node { return step.Get("enrich").Get("call") }

type enricher struct {
	site pipelines.Site
	ask  *pipelines.Request
	with *pipelines.Value
	into []string      // below body; empty: the body itself takes the answer's fields
	keep time.Duration // how long answers are kept; 0: not at all
}

func compile(b *pipelines.Build) hub.Step {
	n := b.Node
	if !n.Is(yamlfile.Map, "E264", "write {call: catalog.product, with: {sku: =body.sku}, into: body.product}", "enrich takes a call and where its answer goes") {
		return nil
	}
	n.Allow("enrich", "call", "with", "into", "cache")
	e := &enricher{site: b.Site}
	if n.Get("call") == nil {
		n.Errorf("E103", "add call: and an operation", "enrich needs `call`")
		return nil
	}
	e.with = b.Value(n.Get("with"), b.Flow.Scope, nil)
	e.ask = b.Request(n.Get("call"), n.Get("with")).Safe()
	into := n.Get("into")
	if into.Kind() == yamlfile.Map || into.Kind() == yamlfile.List {
		n = into
	}
	path := strings.Split(into.Raw(), ".")
	if path[0] != "body" || slices.Contains(path, "") {
		n.Errorf("E264", "write into: body.profile, or into: body", "enrich needs `into`, a place in the body")
		return nil
	}
	e.into = path[1:]
	e.keep, _ = b.Node.Get("cache").Duration()
	if len(e.into) > 0 {
		b.Flow.SetBody(b.Flow.Body().With(e.into, e.ask.Type()))
	} else {
		b.Flow.SetBody(e.ask.Type())
	}
	return e
}

// Process asks, unless the cache knows, and passes the enriched message on.
func (e *enricher) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	answer, err := e.answer(ctx, x)
	if err != nil {
		return err
	}
	body, err := x.Doc()
	if err != nil {
		return err
	}
	if len(e.into) == 0 {
		body = doc.Merge(body, answer)
	} else if body, err = set.Put("body", body, e.into, answer); err != nil {
		return err
	}
	x.Msg = x.Msg.WithBody(hub.DocumentBody(body))
	return next(ctx, x)
}

func (e *enricher) answer(ctx context.Context, x *hub.Exchange) (doc.Value, error) {
	if e.keep == 0 {
		return e.ask.Call(ctx, x)
	}
	key, err := e.question(x)
	if err != nil {
		return doc.Value{}, err
	}
	now, store := x.Now(), x.Env.Memory(e, func() any { return newCache(e.keep) }).(*cache)
	if v, ok := store.get(key, now); ok {
		e.site.Note(x, now, "called", e.ask.Name+" (cached)")
		return v, nil
	}
	v, err := e.ask.Call(ctx, x)
	if err == nil {
		store.put(key, v, now)
	}
	return v, err
}

// question is what the answer depends on: `with`, else the message's own body.
func (e *enricher) question(x *hub.Exchange) (string, error) {
	if e.with == nil {
		return string(x.Msg.Body.Bytes()), nil
	}
	v, err := e.with.Apply(formula.NewFrame(x))
	return string(v.JSON()), err
}

// cacheSize bounds the answers kept; a full cache starts anew.
const cacheSize = 10_000

// cache keeps answers for a while, in memory: what is gone is asked again.
type cache struct {
	keep time.Duration
	mu   sync.Mutex
	have map[string]entry
}

type entry struct {
	value doc.Value
	until time.Time
}

func newCache(keep time.Duration) *cache { return &cache{keep: keep, have: map[string]entry{}} }

func (c *cache) get(key string, now time.Time) (doc.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.have[key]
	if !ok || !now.Before(e.until) {
		return doc.Value{}, false
	}
	return e.value, true
}

func (c *cache) put(key string, v doc.Value, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.have) >= cacheSize {
		clear(c.have)
	}
	c.have[key] = entry{v, now.Add(c.keep)}
}
