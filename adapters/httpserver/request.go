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
	m, raw, p := s.message(w, r, id, now)
	switch {
	case p != nil && p.code == codePing:
		w.WriteHeader(p.status)
		return
	case p != nil:
		s.refuse(w, r, id, raw, p)
		return
	}
	// A client that goes away must not cancel a commit: only our own time counts.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.server.handlerTimeout())
	defer cancel()
	reply, err := s.ask(ctx, m)
	switch {
	case errors.Is(err, hub.ErrDuplicate):
		s.accepted(w, id, true)
	case err != nil:
		p := problemOf(err)
		if p.status == http.StatusInternalServerError {
			s.server.env.Log.Error("request failed", "trace", id, "route", s.pattern, "error", err)
		}
		p.trace = id
		p.write(w, r)
	case reply == nil:
		s.accepted(w, id, false)
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
	s.refuse(w, r, id, nil, newProblem(http.StatusInternalServerError, "bug", bugText))
}

// message reads, proves and builds the message of r. raw is the body, as far as it was read.
func (s *Source) message(w http.ResponseWriter, r *http.Request, id string, now time.Time) (m *hub.Message, raw []byte, p *problem) {
	if raw, p = s.server.readBody(w, r); p != nil {
		return nil, nil, p
	}
	proven, p := s.verify.check(r, raw, now)
	if p != nil {
		return nil, raw, p
	}
	kind, p := s.contentType(r, len(raw))
	if p != nil {
		return nil, raw, p
	}
	plain, p := s.server.decompress(r, raw)
	if p != nil {
		return nil, raw, p
	}
	headers, p := s.headers(r, kind)
	if p != nil {
		return nil, plain, p
	}
	if proven != "" {
		headers[hub.HeaderVerified] = proven
	}
	m, p = s.decoded(&hub.Message{ID: id, Time: now, Headers: headers, Body: hub.NewBody(plain)}, r.Method)
	return m, plain, p
}
