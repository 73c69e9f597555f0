package main

import (
	"encoding/json"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

func newProblem(status int, code, title, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Title: title, Detail: fmt.Sprintf(format, args...)}
}

// storedMessage is a message in the store, as the API shows it.
type storedMessage struct {
	Seq         int64           `json:"seq"`
	ID          string          `json:"id"`
	Queue       string          `json:"queue"`
	State       string          `json:"state"`
	Key         string          `json:"key,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Time        time.Time       `json:"time"`
	Due         time.Time       `json:"due,omitzero"`
	Attempts    int             `json:"attempts"`
	Crashes     int             `json:"crashes,omitempty"`
	Error       *hub.Failure    `json:"error,omitempty"`
	Headers     hub.Headers     `json:"headers,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"` // JSON as it is, anything else as a text
}

// stored is d for the API, without headers and body.
func stored(d *hub.Delivery) storedMessage {
	s := storedMessage{Seq: d.Seq, Queue: d.Queue, State: d.State.String(), Due: d.Due, Attempts: d.Attempts, Crashes: d.Crashes, Error: d.Error}
	if m := d.Msg; m != nil {
		s.ID, s.Key, s.Correlation, s.Time = m.ID, m.Key, m.Correlation, m.Time
	}
	return s
}

// body is a body as a part of an answer: a document as it is, anything else as a
// text, without what stands behind the names of marked fields.
func (a *admin) body(b hub.Body) json.RawMessage {
	raw := b.Bytes()
	if len(raw) == 0 {
		return nil
	}
	if _, err := doc.Parse(raw); err == nil {
		return raw
	}
	text, _ := json.Marshal(a.reg.Mask.Named(string(raw))) // of a text: never fails
	return text
}
