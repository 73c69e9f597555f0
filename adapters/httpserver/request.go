package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"orderhub/hub"
)

// serve takes one request from its headers to its answer.
func (s *Source) serve(w http.ResponseWriter, r *http.Request) {
	now := s.server.env.Clock.Now()
	id := hub.NewID(now)
	w.Header()[headerTrace] = []string{id}
	defer s.contain(w, r, id)
	m, p := s.message(w, r, id, now)
	if p != nil {
		p.trace = id
		p.write(w, r)
		return
	}
	// A client that goes away must not cancel a commit: only our own time counts.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.server.handlerTimeout())
	defer cancel()
	reply, err := s.ask(ctx, m)
	switch {
	case errors.Is(err, hub.ErrDuplicate):
		accepted(w, id, true)
	case err != nil:
		p := problemOf(err)
		if p.status == http.StatusInternalServerError {
			s.server.env.Log.Error("request failed", "trace", id, "route", s.pattern, "error", err)
		}
		p.trace = id
		p.write(w, r)
	case reply == nil:
		accepted(w, id, false)
	default:
		s.answer(w, r, id, reply)
	}
}

func (s *Source) ask(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	if s.caller != nil {
		return s.caller.Call(ctx, m)
	}
	return nil, s.handler.Handle(ctx, m)
}

// contain keeps a panic to its request.
func (s *Source) contain(w http.ResponseWriter, r *http.Request, id string) {
	v := recover()
	if v == nil {
		return
	}
	s.server.env.Log.Error("request panicked", "trace", id, "route", s.pattern, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	p := newProblem(http.StatusInternalServerError, "bug", bugText)
	p.trace = id
	p.write(w, r)
}

// message reads, proves and builds the message of r.
func (s *Source) message(w http.ResponseWriter, r *http.Request, id string, now time.Time) (*hub.Message, *problem) {
	raw, p := s.server.readBody(w, r)
	if p != nil {
		return nil, p
	}
	if p := s.verify.check(r, raw, now); p != nil {
		return nil, p
	}
	media, p := s.mediaType(r, len(raw))
	if p != nil {
		return nil, p
	}
	raw, p = s.server.decompress(r, raw)
	if p != nil {
		return nil, p
	}
	headers, p := s.headers(r, media)
	if p != nil {
		return nil, p
	}
	m := &hub.Message{ID: id, Time: now, Headers: headers, Body: hub.NewBody(raw)}
	if len(raw) == 0 {
		if wantsBody(r.Method) && !s.options.EmptyBody {
			return nil, newProblem(http.StatusBadRequest, "empty_body", "the request has no body")
		}
		return m, nil
	}
	switch {
	case media == typeForm:
		if m.Body, p = formBody(raw); p != nil {
			return nil, p
		}
		m.Headers[hub.HeaderContentType] = typeJSON
	case isJSON(media):
		if _, err := m.Body.Doc(); err != nil { // decoded here, kept in the body
			return nil, problemOf(err)
		}
	}
	return m, nil
}

func wantsBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
