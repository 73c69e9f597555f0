package httpserver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// answers are the responses of a route: its pipeline's replies, and the
// adapter's own problems. "default" stands for all that are not listed.
func (d *describing) answers(src *Source) object {
	out := object{"default": d.problem(0, "Something else went wrong.")}
	for _, p := range src.problems() {
		out[strconv.Itoa(p.status)] = d.problem(p.status, p.detail)
	}
	if len(src.about.Statuses) == 0 {
		out["202"] = object{"description": "Accepted: the message is safe, and will be worked on.", "headers": answerHeaders(false),
			"content": object{typeJSON: object{"schema": acceptedSchema()}}}
	}
	for _, status := range src.about.Statuses {
		d.reply(out, status, src.about.Behind)
	}
	return out
}

// reply adds a status that the pipeline replies with.
func (d *describing) reply(out object, status int, behind bool) {
	name, text := strconv.Itoa(status), http.StatusText(status)
	if status == 0 {
		name, text = "2XX", "The reply; its status depends on the message"
	}
	if behind {
		text += ": the message is safe, and work goes on"
	}
	answer := object{"description": strings.TrimPrefix(text+".", ": "), "headers": answerHeaders(true)}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		content := object{typeJSON: object{}}
		if status >= http.StatusBadRequest {
			content[typeProblem] = object{}
		}
		answer["content"] = content
	}
	out[name] = answer
}

// problems are the adapter's own answers of a route.
func (s *Source) problems() []problem {
	out := []problem{
		{status: http.StatusBadRequest, detail: "The request is not well formed."},
		{status: http.StatusConflict, detail: "It was refused, or a request with this Idempotency-Key is still running."},
		{status: http.StatusUnprocessableEntity, detail: "The content is not what is wanted here, or the Idempotency-Key was used for another request."},
		{status: http.StatusTooManyRequests, detail: "Too much at once; try again later."},
		{status: http.StatusServiceUnavailable, detail: "Not now; try again later."},
	}
	if wantsBody(strings.Fields(s.pattern)[0]) {
		out = append(out, problem{status: http.StatusRequestEntityTooLarge, detail: "The body is too large."},
			problem{status: http.StatusUnsupportedMediaType, detail: "The body's media type or encoding is not taken."})
	}
	if s.verify.wants() {
		out = append(out, problem{status: http.StatusUnauthorized, detail: "The sender did not prove who it is."})
	}
	return out
}

// problem is a reference to the response of a status; 0 is that of all others.
func (d *describing) problem(status int, detail string) object {
	name := "Problem"
	content := object{typeProblem: object{"schema": object{"$ref": "#/components/schemas/Problem"}}, "text/html": object{}}
	if status > 0 {
		name = strings.ReplaceAll(http.StatusText(status), " ", "")
	}
	headers := answerHeaders(false)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		headers["Retry-After"] = object{"$ref": "#/components/headers/Retry-After"}
	}
	d.responses[name] = object{"description": detail, "headers": headers, "content": content}
	return object{"$ref": "#/components/responses/" + name}
}

func answerHeaders(replayed bool) object {
	h := object{headerTrace: object{"$ref": "#/components/headers/" + headerTrace}}
	if replayed {
		h["Idempotent-Replayed"] = object{"$ref": "#/components/headers/Idempotent-Replayed"}
	}
	return h
}

func sharedHeaders() object {
	return object{
		headerTrace:           object{"description": "ID of the message: tell it when you ask about the request.", "schema": object{"type": "string"}},
		"Idempotent-Replayed": object{"description": "true: the answer of the first request with this Idempotency-Key.", "schema": object{"type": "string"}},
		"Retry-After":         object{"description": "Seconds to wait.", "schema": object{"type": "integer", "minimum": 1}},
	}
}

func idempotencyKey() object {
	return object{"in": "header", "name": "Idempotency-Key", "schema": object{"type": "string", "minLength": 1, "maxLength": maxIdempotencyKey},
		"description": "Name of this request, chosen by you. The same request with the same key has no second effect, and gets the same answer."}
}

func sizeText(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
