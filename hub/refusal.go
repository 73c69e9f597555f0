package hub

import (
	"cmp"
	"context"
	"slices"
	"strings"
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

// Bounds of what a store keeps of refusals, so that whoever sends rubbish fills
// no disk and hides nothing: a row has at most 8 KiB, most have one; 500 of one
// kind show what comes, and a flood of one kind leaves the others where they are.
const (
	MaxRefusals       = 5000 // rows
	MaxRefusalsOfKind = 500  // rows of one source and reason
)

// RefusedCounter is the kind of the counters of refusals. They are exact and
// survive; see CountRefused.
const RefusedCounter = "refused"

// RefusalQuery selects refusals, newest first; zero fields select all.
type RefusalQuery struct {
	ID, Correlation, Source, Reason string
	Before                          int64 // Seq to page on from
	Limit                           int   // 0: 100
}

// RefusalCount tells how many of one source were refused for one reason since the store was made.
type RefusalCount struct {
	Source string   `json:"source"`
	Reason string   `json:"reason"`
	Count  int64    `json:"count"`
	Last   *Refusal `json:"last,omitempty"` // nil: its rows are older than the store keeps them
}

// CountRefused tells the refusals of a store by source and reason, the kind that came last first.
func CountRefused(ctx context.Context, st StoreReader) ([]RefusalCount, error) {
	counts, err := st.Counters(ctx, RefusedCounter, "")
	if err != nil {
		return nil, err
	}
	out := make([]RefusalCount, 0, len(counts))
	for key, n := range counts {
		c := RefusalCount{Count: n}
		c.Source, c.Reason, _ = strings.Cut(key, kindSeparator)
		last, err := st.Refusals(ctx, RefusalQuery{Source: c.Source, Reason: c.Reason, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(last) > 0 {
			c.Last = &last[0]
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b RefusalCount) int {
		return cmp.Or(cmp.Compare(b.last(), a.last()), strings.Compare(RefusedKey(a.Source, a.Reason), RefusedKey(b.Source, b.Reason)))
	})
	return out, nil
}

func (c *RefusalCount) last() int64 {
	if c.Last == nil {
		return 0
	}
	return c.Last.Seq
}

const kindSeparator = "\x00" // between source and reason

// RefusedKey is the key of the counter of what source refused for a reason.
func RefusedKey(source, reason string) string { return source + kindSeparator + reason }

// Refuser keeps what was refused. The Handler that a source gets is one, and
// so is Env.Refuser. What a Handler returned an error for it has noted itself:
// a source notes only what it never handed over.
type Refuser interface {
	// Refused takes note of r. It never waits. Time and Source are filled in where they are empty; Head may be the whole input.
	Refused(r Refusal)
	// Kept returns nil when what was noted before is durable. A source that settles
	// what it refused, and told nobody so, asks it first.
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
