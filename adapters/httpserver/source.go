package httpserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/coding"
)

// Source is one route. Its messages are requests; a handler that is a
// hub.Caller makes their answers, any other handler gets them accepted (202).
//
// Run serves the route until ctx is done and every request it began is
// answered. Outside of Run the route answers 503 with Retry-After; Close
// removes it. Messages of one key may run at once: requests have no key.
type Source struct {
	server  *Server
	pattern string // of http.ServeMux
	params  []string
	options SourceConfig
	verify  verifier
	accepts media       // of its bodies
	guarded bool        // forms are taken though nobody asked for it: not those of other sites
	begins  []string    // of headers that messages carry
	named   [][2]string // headers of the messages beside the usual ones
	about   hub.Description
	formats coding.Cache // about.Format in the character sets of requests
	gate    gate
	handler hub.Handler
	caller  hub.Caller // nil: messages are only accepted
}

var _ hub.Source = (*Source)(nil)

// routeOf reads a route of a server and its options, and finds all that is wrong with them.
func routeOf(arg string, cfg *SourceConfig, s *Server) (src *Source, faults hub.FieldFaults) {
	src = &Source{server: s, options: *cfg, named: wire(cfg.Headers)}
	var err error
	if src.pattern, src.params, err = parsePattern(arg); err != nil {
		faults.Add("", "write a method and a path, such as "+routeLike(arg), "%v", err)
	}
	if src.verify, err = newVerifier(cfg.Verify, s); err != nil {
		faults.Add("verify", "write verify: {hmac: secret:name} or {token: secret:name}", "%v", err)
	}
	for _, name := range cfg.Headers {
		if why := notCarried(strings.ToLower(name)); why != "" {
			faults.Add("headers", "write the name of a header of requests, as x-shop", "headers: %q %s", name, why)
		}
	}
	src.accepts = consumed(cfg.Consumes, faults.Add)
	if len(src.accepts) == 0 {
		src.accepts = media{typeJSON}
	}
	src.guarded, src.begins = len(cfg.Consumes) == 0 && cfg.Verify == nil, prefixes(cfg.Headers)
	return src, faults
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// parsePattern reads "POST /orders/{id}". The pattern it gives matches exactly: no redirects, no subtrees but {rest...}.
func parsePattern(arg string) (pattern string, params []string, err error) {
	method, path, _ := strings.Cut(strings.TrimSpace(arg), " ")
	path = strings.TrimSpace(path)
	switch {
	case arg == "":
		return "", nil, fmt.Errorf("the route is missing")
	case !slices.Contains(methods, method) || !strings.HasPrefix(path, "/"):
		return "", nil, fmt.Errorf("%q is no route", arg)
	case path == pathLive || path == pathReady:
		return "", nil, fmt.Errorf("%s is answered by the server itself", path)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
		if name != "$" {
			params = append(params, name)
		}
	}
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	pattern = method + " " + path
	return pattern, params, acceptable(pattern)
}

// Run serves the route with h.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	s.handler = h
	s.caller, _ = h.(hub.Caller)
	s.gate.set(true)
	var err error
	select {
	case <-ctx.Done():
	case <-s.server.failed:
		err = s.server.failure
	}
	s.gate.set(false)
	s.gate.inside.Wait()
	return err
}

// ServeHTTP serves a request of the route while the source runs.
func (s *Source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.gate.enter() {
		s.server.refuse(w, r, s.pattern, stopping())
		return
	}
	defer s.gate.inside.Done()
	s.serve(w, r)
}

// Close removes the route. Run must have returned.
func (s *Source) Close() error {
	s.server.routes.withdraw(s)
	return nil
}
