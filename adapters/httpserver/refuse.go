package httpserver

import (
	"net/http"

	"orderhub/hub"
)

// refuse answers a request that no source brought, and keeps that it was refused. pattern is its route, "" for none.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, pattern string, p *problem) {
	p.trace = hub.NewID(s.env.Clock.Now())
	w.Header()[headerTrace] = []string{p.trace}
	kept := p.refusal(r, nil)
	if kept.Text = r.Method + " " + r.URL.Path + ": " + p.detail; pattern != "" { // the query may hold what is secret
		kept.Source = s.env.Name + " " + pattern
	}
	s.env.Refused(kept)
	p.write(w, r)
}

// refuse answers a request that gave no message, and keeps that it was refused. raw is its body, as far as it is known.
func (s *Source) refuse(w http.ResponseWriter, r *http.Request, id string, raw []byte, p *problem) {
	p.trace = id
	hub.RefuserOf(s.handler).Refused(p.refusal(r, raw))
	p.write(w, r)
}

// refusal is what is kept of the request that p answers. Its headers may hold credentials: none but the media type is kept.
func (p *problem) refusal(r *http.Request, raw []byte) hub.Refusal {
	return hub.Refusal{ID: p.trace, Class: p.class(), Reason: p.code, Text: p.detail, Fields: p.fields,
		ContentType: r.Header.Get("Content-Type"), Size: max(r.ContentLength, int64(len(raw)), 0), Head: raw}
}

// class is that of the error that p tells.
func (p *problem) class() hub.Class {
	if p.told != "" {
		return p.told
	}
	switch p.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict:
		return hub.Rejected
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return hub.Timeout
	case http.StatusTooManyRequests:
		return hub.Throttled
	case http.StatusServiceUnavailable:
		if p.code == "backlog_full" {
			return hub.Throttled
		}
		return hub.Unavailable
	case http.StatusInternalServerError:
		return hub.Bug
	}
	return hub.Invalid
}
