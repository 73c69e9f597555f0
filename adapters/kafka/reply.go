package kafka

import (
	"encoding/json"

	"orderhub/hub"
)

// Headers of a reply that says why there is none.
const (
	headerErrorClass  = "error-class"
	headerErrorReason = "error-reason"
)

// answer is the record of the reply to j.
func (r *run) answer(j *job) *parcel {
	m := unaddressed(j.answer)
	if m.Correlation == "" {
		m = m.WithCorrelation(j.msg.Correlation)
	}
	p := newParcel(m, onChannel)
	p.partition = j.reply.partition
	if j.reply.request != "" {
		p.add(headerRequest, j.reply.request)
	}
	if j.reply.foreign != "" {
		p.add(headerCorrelationID, j.reply.foreign)
	}
	p.measure()
	return p
}

// statuses of errors, as HTTP has them.
var statuses = map[hub.Class]string{hub.Invalid: "422", hub.Rejected: "409", hub.Timeout: "504", hub.Unavailable: "503", hub.Throttled: "429", hub.Bug: "500"}

// errorReply tells the requester why there is no other.
func errorReply(m *hub.Message, e *hub.Error) *hub.Message {
	text := e.Error()
	if e.Class == hub.Bug {
		text = "internal error"
	}
	status := statuses[e.Class]
	if status == "" {
		status = "409"
	}
	body, _ := json.Marshal(map[string]string{"class": string(e.Class), "reason": e.Reason, "detail": text}) // texts always can
	return &hub.Message{ID: hub.DeriveID(m.ID, "error"), Time: m.Time, Correlation: m.Correlation, Body: hub.NewBody(body),
		Headers: hub.Headers{hub.HeaderContentType: "application/problem+json", hub.HeaderStatus: status, headerErrorClass: string(e.Class), headerErrorReason: e.Reason}}
}

// replyError is the error that a reply carries; nil: none.
func replyError(m *hub.Message) error {
	class := hub.Class(m.Headers[headerErrorClass])
	if class == "" {
		return nil
	}
	reason := m.Headers[headerErrorReason]
	var body struct{ Detail string }
	_ = json.Unmarshal(m.Body.Bytes(), &body) // another answerer may say nothing
	if body.Detail == "" {
		body.Detail = reason
	}
	if !class.Transient() {
		class = hub.Rejected
	}
	return hub.Fail(class, reason, "answered with %s: %s", m.Headers[headerErrorClass], body.Detail)
}
