package pipelines

import (
	"strings"
	"time"

	"orderhub/hub"
)

// Site is where a step stands in the configuration: what is left of Build when the step runs.
type Site struct {
	Where string // pipeline/label: names the step in history, errors and idempotency keys
	Line  string // file:line
}

// At says that err happened in this step; its own reaction is added around it.
func (s Site) At(err error) error { return hub.At(err, s.Where, s.Line) }

// Note adds to the message's history what this step did.
func (s Site) Note(x *hub.Exchange, began time.Time, what, detail string) {
	if x.Trace {
		x.Note(hub.Event{Time: began, Where: s.Where, Line: s.Line, What: what, Detail: detail, Took: x.Now().Sub(began)})
	}
}

// Suffix names the step within the IDs of the messages that it makes.
func (s Site) Suffix() string { return strings.ReplaceAll(s.Where, "/", ".") }

// IdempotencyKey is the key of a request that this step makes for x: the same on every attempt.
func (s Site) IdempotencyKey(x *hub.Exchange) string {
	key := hub.Segments(x.Msg.ID) + "/" + strings.ReplaceAll(s.Where, " ", ".")
	if len(key) > 200 {
		key = hub.Clip(x.Msg.Root(), 60) + "/" + hub.HashID(key)
	}
	return key
}
