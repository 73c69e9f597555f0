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
	all   map[string]*route // by pattern
	table atomic.Pointer[http.ServeMux]

	document []byte // OpenAPI; nil: to be made
}

// route is one pattern. Its source may change while it serves.
type route struct {
	pattern string
	opened  int                    // sources that declared it
	latest  *Source                // the last of them
	active  atomic.Pointer[Source] // nil: none runs now
}

// declare adds the pattern of src, or joins it when takeOver is allowed.
func (t *routes) declare(src *Source, takeOver bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.document = nil
	if rt := t.all[src.pattern]; rt != nil {
		if !takeOver {
			return fmt.Errorf("the route %q is there twice", src.pattern)
		}
		rt.opened++
		rt.latest = src
		src.route = rt
		return nil
	}
	all := maps.Clone(t.all)
	if all == nil {
		all = map[string]*route{}
	}
	rt := &route{pattern: src.pattern, opened: 1, latest: src}
	all[src.pattern] = rt
	if err := t.install(all, src.server); err != nil {
		return fmt.Errorf("the route %q: %w", src.pattern, err)
	}
	src.route = rt
	return nil
}

// withdraw removes the route when src was the last that declared it.
func (t *routes) withdraw(src *Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rt := src.route
	rt.active.CompareAndSwap(src, nil)
	t.document = nil
	if rt.opened--; rt.opened > 0 || t.all[rt.pattern] != rt {
		return
	}
	all := maps.Clone(t.all)
	delete(all, rt.pattern)
	t.install(all, src.server) // fewer patterns can't conflict
}

// install builds the table of all routes. Patterns that overlap with no winner are an error.
func (t *routes) install(all map[string]*route, s *Server) (err error) {
	defer func() {
		if r := recover(); r != nil { // that is how ServeMux refuses a pattern
			err = errors.New(refusal(r))
		}
	}()
	mux := http.NewServeMux()
	for pattern, rt := range all {
		mux.Handle(pattern, routeHandler{s, rt})
	}
	t.all = all
	t.table.Store(mux)
	return nil
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
	for _, rt := range t.all {
		if rt.active.Load() == nil {
			n++
		}
	}
	return n
}

type routeHandler struct {
	server *Server
	route  *route
}

func (h routeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if src := h.route.active.Load(); src != nil && src.gate.enter() {
		defer src.gate.leave()
		src.serve(w, r)
		return
	}
	h.server.refuse(w, r, h.route.pattern, stopping())
}
