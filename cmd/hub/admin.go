package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"orderhub/hub"
)

// admin is the API on the control socket. README.md lists its calls.
type admin struct{ *daemon }

// documents are the fields of answers that documents of messages stand under.
var documents = []string{"body", "headers", "data", "show"}

// tell writes v as JSON, as people may see it: secrets are masked, and what schemas
// mark in documents; with ?personal=true what is personal is shown.
func (a *admin) tell(w io.Writer, r *http.Request, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		raw, _ = json.Marshal(problemOf(err)) // texts always can
	}
	var b bytes.Buffer
	json.Indent(&b, a.reg.Mask.Shown(raw, r.URL.Query().Get("personal") == "true", documents...), "", "  ") // of our own JSON
	b.WriteByte('\n')
	w.Write(b.Bytes()) // the client may be gone
}

func serveAdmin(d *daemon, l *control) *http.Server {
	s := &http.Server{Handler: (&admin{d}).routes(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelError)}
	go s.Serve(l) // ends with Close
	return s
}

func (a *admin) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /version":                    a.version,
		"GET /status":                     a.status,
		"GET /graph":                      a.graph,
		"GET /trace":                      a.trace,
		"GET /dead":                       a.dead,
		"GET /dead/groups":                a.deadGroups,
		"GET /refused":                    a.refused,
		"GET /refused/counts":             a.refusedCounts,
		"POST /dead/replay":               a.replay,
		"POST /dead/drop":                 a.drop,
		"POST /pipelines/{name}/messages": a.send,
		"POST /pipelines/{name}/pause":    a.pause,
		"POST /pipelines/{name}/resume":   a.resume,
		"GET /instances":                  a.instances,
		"GET /instance":                   a.instance,
		"POST /instances/signal":          a.act(a.signalInstance),
		"POST /instances/retry":           a.act(a.retryInstance),
		"POST /instances/cancel":          a.act(a.cancelInstance),
		"POST /instances/move":            a.act(a.moveInstance),
		"GET /tasks":                      a.tasks,
		"GET /task":                       a.task,
		"POST /tasks/claim":               a.claimTask,
		"POST /tasks/answer":              a.answerTask,
		"POST /tasks/hand-over":           a.handOverTask,
		"GET /report":                     a.report,
		"POST /diff":                      a.diff,
		"POST /reload":                    a.reloadNow,
	} {
		mux.Handle(pattern, a.answer(h))
	}
	mux.Handle("/", a.answer(func(r *http.Request) (any, error) {
		return nil, &apiError{Status: http.StatusNotFound, Code: "no_route", Title: "no such call", Detail: r.Method + " " + r.URL.Path + " is no call of this hub"}
	}))
	return mux
}

// handler answers a call with a value that becomes JSON, or a problem.
type handler func(r *http.Request) (any, error)

// answer is h with its answer written.
func (a *admin) answer(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h(r)
		status, kind := http.StatusOK, "application/json"
		if err != nil {
			e := problemOf(err)
			v, status, kind = e, e.Status, "application/problem+json"
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		a.tell(w, r, v)
	}
}

// apiError is a problem+json (RFC 9457).
type apiError struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail,omitempty"`
	Code   string           `json:"code"`
	Errors []hub.FieldError `json:"errors,omitempty"`
	Trace  string           `json:"trace_id,omitempty"`
}

func (e *apiError) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	for _, f := range e.Errors {
		text += "\n  " + f.Pointer + ": " + f.Detail
	}
	return text
}

func notFound(format string, args ...any) error {
	return newProblem(http.StatusNotFound, "not_found", "not found", format, args...)
}

// classStatus says how an error's class is told over HTTP.
var classStatus = map[hub.Class]int{
	hub.Invalid: http.StatusUnprocessableEntity, hub.Timeout: http.StatusGatewayTimeout, hub.Unavailable: http.StatusServiceUnavailable,
	hub.Throttled: http.StatusTooManyRequests, hub.Bug: http.StatusInternalServerError,
}

func problemOf(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		e.Type = "about:blank"
		return e
	}
	e := hub.AsError(err)
	status := classStatus[e.Class]
	if status == 0 {
		status = http.StatusConflict // rejected, and names given by fail:
	}
	return &apiError{Type: "about:blank", Title: "the message is " + string(e.Class), Status: status, Code: e.Reason, Detail: e.Error(), Errors: e.Fields}
}
