package httpserver

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"orderhub/hub"
)

// The reply's headers that become response headers, beside x-….
var given = [...]string{"location", hub.HeaderRetryAfter, "cache-control", "etag", "last-modified", "content-language",
	"content-disposition", "content-security-policy", "link", "vary", "idempotent-replayed", "www-authenticate"}

// answer writes the pipeline's reply: its status (200), content-type
// (application/json), the allowed headers, and its body.
func (s *Source) answer(w http.ResponseWriter, r *http.Request, id string, reply *hub.Message) {
	status := http.StatusOK
	if text := reply.Headers.Get(hub.HeaderStatus); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 200 || n > 599 {
			s.server.env.Log.Error("the reply has no usable status", "trace", id, "route", s.pattern, "status", text)
			s.refuse(w, r, id, nil, newProblem(http.StatusInternalServerError, "bug", bugText))
			return
		}
		status = n
	}
	h := w.Header()
	for name, v := range reply.Headers {
		switch {
		case v == "" || !slices.Contains(given[:], name) && !strings.HasPrefix(name, "x-"):
		case !validHeader(name, v):
			s.server.env.Log.Error("a header of the reply is left out: it holds a control character, or has no usable name", "trace", id, "route", s.pattern, "header", name)
		default:
			h.Set(textproto.CanonicalMIMEHeaderKey(name), v)
		}
	}
	if s.verify.answer != "" && status < 300 && reply.Body.IsEmpty() {
		s.accepted(w, id, false)
		return
	}
	if !hasBody(status) {
		w.WriteHeader(status)
		return
	}
	body := reply.Body.Bytes()
	if p := wordless(status, body); p != nil && reply.Headers[hub.HeaderContentType] == "" {
		p.trace = id
		p.write(w, r)
		return
	}
	switch media := reply.Headers[hub.HeaderContentType]; {
	case media == "" && status >= http.StatusBadRequest:
		h.Set("Content-Type", typeProblem)
	case media == "" || media == typeJSON || !validHeader("content-type", media):
		h["Content-Type"] = jsonType
	default:
		h.Set("Content-Type", media)
		if strings.HasPrefix(media, "text/html") && h.Get("Content-Security-Policy") == "" {
			h.Set("Content-Security-Policy", pagePolicy(body))
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

// accepted answers that the hub owns the message.
func (s *Source) accepted(w http.ResponseWriter, id string, duplicate bool) {
	if s.verify.answer != "" { // its sender reads nothing else
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(s.verify.answer))
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusAccepted)
	text := `{"accepted":true,"trace_id":"` + id + `"}`
	if duplicate {
		text = `{"accepted":true,"duplicate":true,"trace_id":"` + id + `"}`
	}
	w.Write([]byte(text))
}

// validHeader refuses what would break out of a header line, or is no name of one.
func validHeader(name, value string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}
