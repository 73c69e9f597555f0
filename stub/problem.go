package stub

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
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

// refuse is the answer to a request that has no effect.
func refuse(status int, code, send, detail string, args ...any) outcome {
	return problem{Status: status, Code: code, Detail: fmt.Sprintf(detail, args...), Send: send}.outcome()
}

func (p problem) outcome() outcome {
	p.Type, p.Title = "urn:orderhub:stub:"+p.Code, cmp.Or(http.StatusText(p.Status), "Fault")
	return outcome{status: p.Status, body: mustJSON(p)}
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
}

// remembered tells whether the answer is final for its key.
func (o outcome) remembered() bool {
	return o.status/100 == 2 || o.status == http.StatusPaymentRequired
}

// done is an effect with its answer.
func done(status int, op, ref string, data, answer any) outcome {
	return outcome{status: status, body: mustJSON(answer), op: op, ref: ref, data: mustJSON(data)}
}

// answer is a pure answer: nothing happened.
func answer(v any) outcome { return outcome{status: http.StatusOK, body: mustJSON(v)} }

func (o outcome) write(w http.ResponseWriter) {
	kind := "application/json"
	if o.status >= 400 && o.status != http.StatusPaymentRequired {
		kind = "application/problem+json"
	}
	h := w.Header()
	maps.Copy(h, o.header)
	h.Set("Content-Type", kind)
	w.WriteHeader(o.status)
	_, _ = w.Write(o.body) // the caller is gone: the ledger has the effect
}

// decodeStrict reads exactly one JSON value; an unknown field is an error.
func decodeStrict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the body is empty")
		}
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// exact is a JSON number kept as it was written.
type exact string

func (e *exact) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || (b[0] != '-' && (b[0] < '0' || b[0] > '9')) {
		return fmt.Errorf("%s is not a number", b)
	}
	*e = exact(b)
	return nil
}

func (e exact) MarshalJSON() ([]byte, error) {
	if e == "" {
		return []byte("null"), nil
	}
	return []byte(e), nil
}

// positive tells whether the number is above zero, without computing it.
func (e exact) positive() bool {
	digits, _, _ := strings.Cut(strings.ToLower(string(e)), "e")
	return !strings.HasPrefix(digits, "-") && strings.ContainsAny(digits, "123456789")
}

// orderRef is an order ID, or an order: its order_id, orderNumber or id.
type orderRef string

func (o *orderRef) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*o = orderRef(s)
		return nil
	}
	var n exact
	if n.UnmarshalJSON(b) == nil {
		*o = orderRef(n)
		return nil
	}
	var order map[string]json.RawMessage
	if err := json.Unmarshal(b, &order); err != nil {
		return errors.New("order is neither an ID nor an order")
	}
	for _, field := range []string{"order_id", "orderNumber", "id"} {
		if raw, ok := order[field]; ok && raw[0] != '{' {
			return o.UnmarshalJSON(raw)
		}
	}
	return nil
}

// size counts what a parcels or items value holds: entries of a list or an object, else 1.
func size(raw json.RawMessage) int {
	var list []json.RawMessage
	var object map[string]json.RawMessage
	switch {
	case json.Unmarshal(raw, &list) == nil && len(list) > 0:
		return len(list)
	case json.Unmarshal(raw, &object) == nil && len(object) > 0:
		return len(object)
	}
	return 1
}
