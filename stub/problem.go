package stub

import (
	"fmt"
	"net/http"
)

// problem is an RFC 9457 answer. Send tells what to send instead.
type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Code   string   `json:"code"`
	Detail string   `json:"detail,omitempty"`
	Send   string   `json:"send,omitempty"`
	Routes []string `json:"routes,omitempty"`
}

func newProblem(status int, code, send, detail string, args ...any) problem {
	title := http.StatusText(status)
	if title == "" {
		title = "Fault"
	}
	return problem{Type: "urn:orderhub:stub:" + code, Title: title, Status: status, Code: code, Detail: fmt.Sprintf(detail, args...), Send: send}
}

// outcome is what a handler decided. op, ref and data are the effect; a problem has none.
type outcome struct {
	status int
	body   []byte
	op     string
	ref    string
	data   []byte
	raw    []byte      // of a mail
	header http.Header // more headers of this answer
	slow   bool        // the first answer comes late; the effect does not
	then   func()      // after the effect is recorded, outside all locks
}

// remembered tells whether the answer is final for its key.
func (o outcome) remembered() bool {
	return o.status/100 == 2 || o.status == http.StatusPaymentRequired
}

// outcome makes the problem an answer without an effect.
func (p problem) outcome() outcome { return outcome{status: p.Status, body: mustJSON(p)} }

// done is an effect with its answer.
func done(status int, op, ref string, data, answer any) outcome {
	return outcome{status: status, body: mustJSON(answer), op: op, ref: ref, data: mustJSON(data)}
}

// answer is a pure answer: nothing happened.
func answer(v any) outcome { return outcome{status: http.StatusOK, body: mustJSON(v)} }

func (o outcome) write(w http.ResponseWriter, replayed bool) {
	kind := "application/json"
	if o.status >= 400 && o.status != http.StatusPaymentRequired {
		kind = "application/problem+json"
	}
	h := w.Header()
	for name, values := range o.header {
		h[name] = values
	}
	h.Set("Content-Type", kind)
	if replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(o.status)
	_, _ = w.Write(o.body) // the caller is gone: the ledger has the effect
}
