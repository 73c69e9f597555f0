package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const (
	bugText = "something went wrong on our side; tell us the trace id"
	urnCode = "urn:orderhub:error:"
)

// problem is an answer that is no success: RFC 9457 for programs, a small page for people.
type problem struct {
	status     int
	told       hub.Class // class of the error that it tells of; "": none
	partial    bool      // what was called before the error is done
	code       string
	detail     string
	trace      string
	retryAfter int    // seconds; 0: none
	open       bool   // a 401 whose reason the caller may know
	accept     string // a header line that says what would be taken
	fields     []hub.FieldError
}

func newProblem(status int, code, detail string) *problem {
	return &problem{status: status, code: code, detail: detail}
}

// wordless is the answer for a reply that is an error and says nothing; nil: it is none, or has a body.
func wordless(status int, body []byte) *problem {
	if status < http.StatusBadRequest || len(body) > 0 && string(body) != "null" {
		return nil
	}
	p := newProblem(status, strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_"), "the answer is "+http.StatusText(status))
	if p.open = true; status == http.StatusNotFound {
		p.detail = "there is no such thing"
	}
	return p
}

// stopping is the answer while nobody serves.
func stopping() *problem {
	p := newProblem(http.StatusServiceUnavailable, "not_ready", "the service is starting or stopping; try again")
	p.retryAfter = 2
	return p
}

// problemOf is the answer for a failed message. What outsiders may read is
// what concerns their message; the rest is for the log.
func problemOf(err error) *problem {
	if errors.Is(err, hub.ErrNotFound) {
		return newProblem(http.StatusNotFound, "not_found", "there is no such thing")
	}
	e := hub.AsError(err)
	n := hub.NoticeOf(e)
	p := newProblem(e.Class.Status(), n.Reason, n.Detail)
	p.told, p.partial, p.fields = e.Class, e.Partial, n.Errors
	switch e.Class {
	case hub.Invalid:
		p.ofDocument(err)
	case hub.Timeout:
		p.detail, p.fields = "no answer in time; it is safe to try again with the same Idempotency-Key", nil
	case hub.Unavailable:
		p.detail, p.fields = "the service is not available now; try again", nil
		p.waitFor(e.After, 5*time.Second)
		if e.Reason == hub.DiskFull {
			p.status, p.detail = http.StatusInsufficientStorage, "there is no space for more now; try again later"
		}
	case hub.Throttled:
		p.throttled(e)
	case hub.Bug:
		p.code, p.detail = "bug", bugText
	}
	return p
}

// ofDocument makes faults of the body's form 400 and 413.
func (p *problem) ofDocument(err error) {
	s, unreadable := errors.AsType[*doc.SyntaxError](err)
	switch p.code {
	case doc.CodeTooComplex:
		p.status = http.StatusRequestEntityTooLarge
	case "not_found":
		p.status = http.StatusNotFound
	case "idempotency_key_missing":
		p.status = http.StatusBadRequest
	}
	if unreadable {
		if p.detail = s.Error(); p.status == hub.Invalid.Status() {
			p.status = http.StatusBadRequest
		}
		if s.Code == doc.CodeBadUTF8 {
			p.detail = fmt.Sprintf("%s (offset %d)", p.detail, s.Offset)
		}
	}
}

func (p *problem) throttled(e *hub.Error) {
	p.detail = "too much at once; try again later"
	switch e.Reason {
	case "idempotency_key_reused":
		p.status, p.detail = http.StatusUnprocessableEntity, "the Idempotency-Key was used for another request"
		p.told = hub.Rejected // another try meets the same
		return
	case "in_progress":
		p.status, p.detail = http.StatusConflict, "the request with this Idempotency-Key is still running"
		p.waitFor(0, time.Second)
		return
	case "backlog_full":
		p.status = http.StatusServiceUnavailable
	}
	p.waitFor(e.After, time.Second)
}

func (p *problem) waitFor(after, otherwise time.Duration) {
	if after <= 0 {
		after = otherwise
	}
	p.retryAfter = max(1, int(math.Ceil(after.Seconds())))
}

type problemJSON struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail"`
	Code   string           `json:"code"`
	Trace  string           `json:"trace_id,omitempty"`
	Errors []hub.FieldError `json:"errors,omitempty"`
}

const maxFields = 20

func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if name, value, ok := strings.Cut(p.accept, ": "); ok {
		h.Set(name, value)
	}
	if p.told != "" {
		h.Set(hub.HeaderErrorClass, string(p.told))
		h.Set(hub.HeaderErrorReason, p.code)
		if p.partial {
			h.Set(hub.HeaderErrorPartial, "true")
		}
	}
	switch kind, _, _ := strings.Cut(p.code, "_"); kind {
	case "token":
		h.Set("WWW-Authenticate", "Bearer")
	case "basic":
		h.Set("WWW-Authenticate", `Basic realm="hub", charset="UTF-8"`)
	}
	code, detail := p.code, p.detail
	if p.status == http.StatusUnauthorized && !p.open { // why is for ops: see refusal
		code, detail = codeUnproven, unprovenText
	}
	told := problemJSON{urnCode + code, http.StatusText(p.status), p.status, detail, code, p.trace, p.fields[:min(len(p.fields), maxFields)]}
	if hub.PrefersHTML(r.Header["Accept"]...) {
		var page bytes.Buffer
		heading, text := told.words()
		errorPage.Execute(&page, map[string]any{"Heading": heading, "Text": text, "Problem": told}) // all text in it is escaped
		h.Set("Content-Type", typeHTML)
		h.Set("Content-Security-Policy", pagePolicy(page.Bytes()))
		w.WriteHeader(p.status)
		w.Write(page.Bytes())
		return
	}
	body, _ := json.Marshal(told) // texts always can
	h.Set("Content-Type", typeProblem)
	w.WriteHeader(p.status)
	w.Write(body)
}

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
