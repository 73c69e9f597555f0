package instance

import (
	"time"

	"orderhub/hub"
)

// Problem is why a token failed, or waits for another try.
type Problem struct {
	Class   string    `json:"class"`
	Reason  string    `json:"reason,omitempty"`
	Where   string    `json:"where,omitempty"`
	Line    string    `json:"line,omitempty"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
	Since   time.Time `json:"since,omitzero"`  // when it first failed so
	Times   int       `json:"times,omitempty"` // how often, without anything else in between
}

// maxMessage bounds the text that a problem keeps of its error.
const maxMessage = 500

// NewProblem is what is kept of an error.
func NewProblem(e *hub.Error, now time.Time) *Problem {
	return &Problem{Class: string(e.Class), Reason: e.Reason, Where: e.Where, Line: e.Line, Message: e.Chain(maxMessage), Time: now, Since: now, Times: 1}
}

// Fails makes e the problem of t. It tells whether that is the same once more; what was not even tried says nothing new.
func (t *Token) Fails(e *hub.Error, now time.Time) (again bool) {
	before, p := t.Error, NewProblem(e, now)
	t.Error = p
	if before == nil || !e.Untried() && (p.Class != before.Class || p.Reason != before.Reason || p.Where != before.Where) {
		return false
	}
	p.Since, p.Times = before.Since, before.Times+1
	if e.Untried() {
		p.Class, p.Reason, p.Message = before.Class, before.Reason, before.Message
	}
	return true
}

// Failure is p as the message that waits for the next try has it.
func (p *Problem) Failure() *hub.Failure {
	group := hub.HashID(p.Class + "|" + p.Reason + "|" + p.Where)
	return &hub.Failure{Class: hub.Class(p.Class), Reason: p.Reason, Where: p.Where, Message: p.Message,
		Time: p.Time, Since: p.Since, Times: p.Times, Cause: "g" + group[:6]}
}
