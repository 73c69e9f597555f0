package hub

import (
	"cmp"
	"context"
	"time"
)

// Refusal is what the hub did not take: an input that never became a message
// of a pipeline, or a request that was answered with an error.
type Refusal struct {
	Seq         int64        `json:"seq"`                   // its place in the store, newer ones are larger
	ID          string       `json:"id"`                    // the trace_id that the sender was told, or the message's ID
	Time        time.Time    `json:"time"`                  // when it was refused
	Source      string       `json:"source"`                // the adapter and what it reads, as in `from:`: "web POST /orders"
	Class       Class        `json:"class"`                 // as of an error
	Reason      string       `json:"reason"`                // likewise
	Text        string       `json:"text"`                  // what is wrong, for people
	Fields      []FieldError `json:"fields,omitempty"`      // what is wrong where in the body
	Where       string       `json:"where,omitempty"`       // pipeline/step that said no
	Line        string       `json:"line,omitempty"`        // file:line of it
	Correlation string       `json:"correlation,omitempty"` // the business key, when it was known
	ContentType string       `json:"content_type,omitempty"`
	Size        int64        `json:"size"`              // bytes of the input; 0: none, or not known
	Head        []byte       `json:"-"`                 // the beginning of the input as it came; who keeps it masks it: Begins
	Begins      string       `json:"begins,omitempty"`  // Head as a text, masked
	Skipped     int64        `json:"skipped,omitempty"` // of its source and reason, refused since the kept one before, and only counted

	About  *Message `json:"-"` // what was refused, when there is a message; until the row is made
	Within bool     `json:"-"` // no input was refused: it passed between steps of the hub, or is an answer to one
}

// Refuser keeps what was refused. The Handler that a source gets is one, and so is
// Env.Refuser. A Handler notes by itself what it returned an error for: a source
// notes only what it never handed over.
type Refuser interface {
	// Refused takes note of r. It never waits. Time and Source are filled in where they are empty; Head may be the whole input.
	Refused(r Refusal)
	// Kept returns nil when what was noted before is durable. A source calls it before it
	// acknowledges an input that it refused without telling the sender.
	Kept(ctx context.Context) error
}

// RefuserOf is the Refuser that h is; else one that keeps nothing.
func RefuserOf(h Handler) Refuser {
	if r, ok := h.(Refuser); ok {
		return r
	}
	return forgetful{}
}

type forgetful struct{}

func (forgetful) Refused(Refusal)            {}
func (forgetful) Kept(context.Context) error { return nil }

// RefusalOf is the refusal of message m for the reason of err.
func RefusalOf(m *Message, err error) Refusal {
	e := AsError(err)
	return Refusal{ID: m.ID, Class: e.Class, Reason: cmp.Or(e.Reason, string(e.Class)), Text: e.Error(), Fields: e.Fields, Where: e.Where, Line: e.Line,
		Correlation: m.Correlation, ContentType: m.Headers[HeaderContentType], Size: int64(m.Body.Len()), Head: m.Body.Bytes(), About: m}
}

// LateReply is the refusal of reply m, which came by place when nobody waited for it any more.
func LateReply(m *Message, place string) Refusal {
	r := RefusalOf(m, Fail(Timeout, "late_reply", "%s: a reply came that nobody waits for any more", place))
	r.Within = true
	return r
}
