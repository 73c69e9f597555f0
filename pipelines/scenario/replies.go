package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// is notes what whoever posted was answered, as a server tells it.
func (r *reply) is(m *hub.Message, err error) {
	r.headers, r.body = nil, doc.Value{}
	switch {
	case errors.Is(err, hub.ErrDuplicate) || err == nil && m == nil:
		r.status = http.StatusAccepted
	case err != nil:
		e := hub.AsError(err)
		r.status = statusOf(e)
		r.body = doc.ObjectOf([]doc.Field{
			{Name: "class", Value: doc.StringValue(string(e.Class))},
			{Name: "code", Value: doc.StringValue(e.Reason)},
			{Name: "detail", Value: doc.StringValue(e.Error())},
		})
	default:
		r.status = http.StatusOK
		if code, err := strconv.Atoi(m.Headers[hub.HeaderStatus]); err == nil {
			r.status = code
		}
		r.headers, r.body = m.Headers, document(m)
	}
}

// statusOf is the HTTP status of an error.
func statusOf(e *hub.Error) int {
	switch e.Reason {
	case "not_found":
		return http.StatusNotFound
	case "in_progress":
		return http.StatusConflict
	case doc.CodeBadJSON, doc.CodeTooDeep, doc.CodeDuplicateKey, doc.CodeBadUTF8, doc.CodeEmptyBody, "idempotency_key_missing":
		return http.StatusBadRequest
	}
	switch e.Class {
	case hub.Invalid:
		return http.StatusUnprocessableEntity
	case hub.Timeout:
		return http.StatusGatewayTimeout
	case hub.Unavailable:
		return http.StatusServiceUnavailable
	case hub.Throttled:
		return http.StatusTooManyRequests
	case hub.Bug:
		return http.StatusInternalServerError
	}
	return http.StatusConflict
}

// replyIs compares a part of the reply.
func (r *run) replyIs(got *reply, what string, want *value) *miss {
	if got.status == 0 {
		return &miss{expected: "a reply", got: "none: nobody waits for one at this source"}
	}
	m := &hub.Message{Headers: got.headers}
	if got.body.Kind() != doc.Missing {
		m.Body = hub.DocumentBody(got.body)
	}
	var have doc.Value
	switch what {
	case "status":
		have = doc.IntValue(int64(got.status))
	case "body":
		have = got.body
	case "headers":
		have = headersOf(got.headers)
	}
	bad := want.differs(what, have, r.frame(m))
	if bad == "" {
		return nil
	}
	if what == "status" && got.status >= 400 {
		bad += ": " + got.body.Get("detail").Text()
	}
	return &miss{what + " " + want.pattern(), bad, r.why(nil)}
}

func headersOf(h map[string]string) doc.Value {
	var fields []doc.Field
	for _, name := range sortedKeys(h) {
		fields = append(fields, doc.Field{Name: name, Value: doc.StringValue(h[name])})
	}
	return doc.ObjectOf(fields)
}

// unexpectedRefusal is an error that the test says nothing of.
func (r *run) unexpectedRefusal(got *reply) *miss {
	if got == nil || got.wanted || got.status < 400 {
		return nil
	}
	return &miss{"the message is taken, or expect: {status: " + strconv.Itoa(got.status) + "}",
		fmt.Sprintf("status %d: %s", got.status, got.body.Get("detail").Text()), r.why(nil)}
}
