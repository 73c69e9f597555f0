package httpserver

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// routes is the table of the server. Requests read it without a lock; changes
// make a new one. The zero routes is empty.
type routes struct {
	mu    sync.Mutex
	all   map[string]*Source // by pattern
	table atomic.Pointer[http.ServeMux]

	document []byte // OpenAPI; nil: to be made
}

// declare adds the route of src. It answers 503 until src runs.
func (t *routes) declare(src *Source) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[src.pattern] != nil {
		return fmt.Errorf("the route %q is there twice", src.pattern)
	}
	all := maps.Clone(t.all)
	if all == nil {
		all = map[string]*Source{}
	}
	all[src.pattern] = src
	if err := t.install(all); err != nil {
		return fmt.Errorf("the route %q: %w", src.pattern, err)
	}
	return nil
}

// withdraw removes the route of src.
func (t *routes) withdraw(src *Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := maps.Clone(t.all)
	delete(all, src.pattern)
	t.install(all) // fewer patterns can't conflict
}

// install builds the table of all routes.
func (t *routes) install(all map[string]*Source) error {
	mux, err := newMux(all)
	if err == nil {
		t.all, t.document = all, nil
		t.table.Store(mux)
	}
	return err
}

// newMux serves sources by their patterns. A pattern that is none, and patterns that overlap with no winner, are an error.
func newMux(all map[string]*Source) (mux *http.ServeMux, err error) {
	defer func() {
		if r := recover(); r != nil { // that is how ServeMux refuses a pattern
			err = errors.New(refusal(r))
		}
	}()
	mux = http.NewServeMux()
	for pattern, src := range all {
		mux.Handle(pattern, src)
	}
	return mux, nil
}

// refusal is what ServeMux said as it panicked.
func refusal(r any) string {
	text := fmt.Sprint(r)
	if _, after, ok := strings.Cut(text, `": at offset`); ok {
		text = "at offset" + after
	} else if _, after, ok := strings.Cut(text, "): "); ok {
		text = after
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// waiting counts the routes that no source serves.
func (t *routes) waiting() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, src := range t.all {
		if !src.gate.isOpen() {
			n++
		}
	}
	return n
}

// gate counts who is inside and can be shut.
type gate struct {
	mu     sync.Mutex
	open   bool
	inside sync.WaitGroup // added to under mu while open, so never beside the Wait of a shut gate
}

// set opens or shuts the gate; it does not wait for those inside.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

// enter tells whether the gate is open: then who entered must call inside.Done.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.inside.Add(1)
	}
	return g.open
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}
