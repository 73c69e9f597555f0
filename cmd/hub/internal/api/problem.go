package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"orderhub/hub"
)

// Problem is what a call that fails is answered: a problem+json (RFC 9457).
type Problem struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail,omitempty"`
	Code   string           `json:"code"`
	Errors []hub.FieldError `json:"errors,omitempty"`
	Trace  string           `json:"trace_id,omitempty"`
}

func (p *Problem) Error() string {
	text := cmp.Or(p.Detail, p.Title)
	for _, f := range p.Errors {
		text += "\n  " + f.Pointer + ": " + f.Detail
	}
	return text
}

// Problemf makes a problem with its detail.
func Problemf(status int, code, title, format string, args ...any) *Problem {
	return &Problem{Status: status, Code: code, Title: title, Detail: fmt.Sprintf(format, args...)}
}

// CodeNotFound is the code of a problem of something that is not there: whoever knew it would say so.
const CodeNotFound = "not_found"

// NotFoundf is the problem of something that is not there.
func NotFoundf(format string, args ...any) *Problem {
	return Problemf(http.StatusNotFound, CodeNotFound, "not found", format, args...)
}

// BadQueryf is the problem of a query that can't be read.
func BadQueryf(format string, args ...any) *Problem {
	return Problemf(http.StatusBadRequest, "bad_query", "bad query", format, args...)
}

// BadRequestf is the problem of a body that can't be read.
func BadRequestf(format string, args ...any) *Problem {
	return Problemf(http.StatusBadRequest, "bad_request", "bad request", format, args...)
}

// Conflictf is the problem of something that is not possible now.
func Conflictf(code, format string, args ...any) *Problem {
	return Problemf(http.StatusConflict, code, "not possible", format, args...)
}

// ProblemOf is the problem that tells of err.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Type = "about:blank"
		return p
	}
	e := hub.AsError(err)
	return &Problem{Type: "about:blank", Title: "the message is " + string(e.Class), Status: e.Class.Status(), Code: e.Reason, Detail: e.Error(), Errors: e.Fields}
}
