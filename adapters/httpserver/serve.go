package httpserver

import (
	"net/http"
	"strings"
)

// Values of response headers that every answer shares; they are never changed.
var (
	noSniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	noRefer  = []string{"no-referrer"}
	jsonType = []string{typeJSON}
	closing  = []string{"close"}
)

const (
	headerTrace = "Hub-Trace"
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
	typeHTML    = "text/html; charset=utf-8"
	pathLive    = "/livez"
	pathReady   = "/readyz"
)

// ServeHTTP answers any request: limits first, then the route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
	h["Referrer-Policy"] = noRefer
	if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		h["Connection"] = closing // whoever stands in front may see another end of the request, by a Content-Length that net/http has dropped
	}
	defer s.inFlight.Add(-1)
	switch {
	case s.inFlight.Add(1) > int64(s.cfg.Limits.MaxWaiting):
		p := newProblem(http.StatusServiceUnavailable, "backlog_full", "too many requests are waiting; try again")
		p.retryAfter = 1
		s.refuse(w, r, "", p)
	case r.URL.Path == pathLive:
		s.livez(w, r)
	case r.URL.Path == pathReady:
		s.readyz(w, r)
	case s.draining.Load():
		s.refuse(w, r, "", stopping())
	case s.cfg.OpenAPI != "" && r.URL.Path == s.cfg.OpenAPI:
		s.openapi(w, r)
	case !plainPath(r):
		s.refuse(w, r, "", noRoute())
	default:
		s.dispatch(w, r)
	}
}

// dispatch finds the route, without ServeMux's own redirects and answers.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	mux := s.routes.table.Load()
	if mux == nil {
		s.refuse(w, r, "", noRoute())
		return
	}
	h, pattern := mux.Handler(r)
	if pattern != "" {
		mux.ServeHTTP(w, r)
		return
	}
	var answer allowOnly
	h.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", answer.Header().Get("Allow"))
		s.refuse(w, r, "", newProblem(answer.status, "method_not_allowed", r.Method+" is not taken here"))
		return
	}
	s.refuse(w, r, "", noRoute())
}

// allowOnly takes ServeMux's own answer for its status and its Allow header.
type allowOnly struct {
	header http.Header
	status int
}

func (a *allowOnly) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}
func (a *allowOnly) WriteHeader(status int)      { a.status = status }
func (a *allowOnly) Write(b []byte) (int, error) { return len(b), nil }

// plainPath refuses paths that someone in front of us, or behind, may read in
// another way: dot segments, empty segments, parameters, encoded slashes.
func plainPath(r *http.Request) bool {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") || strings.ContainsAny(p, ";\\\x00\r\n") {
		return false
	}
	if raw := r.URL.RawPath; raw != "" && strings.Contains(strings.ToLower(raw), "%2f") {
		return false
	}
	if strings.Contains(p, "/.") {
		for segment := range strings.SplitSeq(p, "/") {
			if segment == "." || segment == ".." {
				return false
			}
		}
	}
	return true
}

func noRoute() *problem {
	return newProblem(http.StatusNotFound, "no_route", "there is nothing at this path")
}

func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.Write([]byte(`{"status":"ok"}`))
}

// readyz tells whether every route is served, and the hub can keep what comes
// in. A partner that is away does not count: traffic to another hub would meet the same.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	if s.draining.Load() || s.routes.waiting() > 0 {
		stopping().write(w, r)
		return
	}
	if s.env.Ready != nil {
		if err := s.env.Ready(); err != nil {
			p := problemOf(err)
			p.status, p.detail = http.StatusServiceUnavailable, "the hub can keep nothing now"
			p.write(w, r)
			return
		}
	}
	w.Header()["Content-Type"] = jsonType
	w.Write([]byte(`{"status":"ready"}`))
}

func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	newProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not taken here").write(w, r)
	return false
}
