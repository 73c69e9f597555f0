package hub

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// BodiesKind is the kind of the records that keep the bodies of runs; the key is the span of the run (Span), in hex.
const BodiesKind = "bodies"

// Bounds of what is kept of one run.
const (
	maxKeptBody   = 64 << 10  // bytes of a body; of a larger one its size is kept
	maxKeptBodies = 256 << 10 // bytes of all bodies of the run; likewise of those past it
	maxKeptSteps  = 500       // those past it are not kept
)

// Bodies are what the steps of one run did to the bodies of its messages, as a stage with KeepBodies keeps them for a time. They
// are for people who look at a trace. The forks of an exchange share them.
type Bodies struct {
	mu      sync.Mutex
	steps   []stepBodies
	answers []answered
}

// answered is what a call in a step was answered.
type answered struct {
	message, where string
	asked          Body
	answer         *Message
}

type stepBodies struct {
	time          time.Time
	message       string
	place         *Place
	before, after Body
	failed        bool
}

// Run runs a step of x, and notes the body that it was given and the one that went on, for each message that did. A step whose body
// went on as a step inside it left it, or that failed within one, is not noted: that one is.
func (b *Bodies) Run(ctx context.Context, place *Place, s Step, x *Exchange, next Next) error {
	before, seen := x.Msg, b.count()
	var went atomic.Bool
	err := s.Process(ctx, x, func(ctx context.Context, y *Exchange) error {
		went.Store(true)
		b.note(seen, stepBodies{y.Now(), y.Msg.ID, place, before.Body, y.Msg.Body, false})
		return next(ctx, y)
	})
	if err != nil && !went.Load() {
		b.note(seen, stepBodies{x.Now(), before.ID, place, before.Body, Body{}, true})
	}
	return err
}

// Answered notes what a call in the step at where, for the message m, asked and was answered; nil, of b or of answer: nothing is noted.
func (b *Bodies) Answered(m *Message, where string, asked Body, answer *Message) {
	if b == nil || answer == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) < maxKeptSteps {
		b.answers = append(b.answers, answered{m.ID, where, asked, answer})
	}
}

func (b *Bodies) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.steps)
}

// note adds a step, before which seen steps were there when it began.
func (b *Bodies) note(seen int, s stepBodies) {
	b.mu.Lock()
	defer b.mu.Unlock()
	inside := b.steps[min(seen, len(b.steps)):]
	told := len(inside) > 0 && inside[len(inside)-1].after == s.after && inside[len(inside)-1].failed == s.failed
	if !told && len(b.steps) < maxKeptSteps {
		b.steps = append(b.steps, s)
	}
}

// keptBodies is how bodies lie in the store, deflated (RFC 1951): this as JSON, a line end, and the bytes of the bodies one behind the other. What
// the bodies of a run have in common makes that a third of its size.
type keptBodies struct {
	Steps   []keptStep   `json:"s"`
	Answers []keptAnswer `json:"a,omitempty"`
	Sizes   []int        `json:"b"` // of each body; negative: it is too large, and not there
}

type keptAnswer struct {
	Message string  `json:"m"`
	Where   string  `json:"w"`
	Headers Headers `json:"h"`
	Asked   int     `json:"q"` // index of its body
	Body    int     `json:"b"` // likewise
}

type keptStep struct {
	Time    int64  `json:"t"` // Unix time in nanoseconds
	Message string `json:"m"`
	Where   string `json:"w"`
	Line    string `json:"l"`
	Before  int    `json:"b"` // index of its body
	After   int    `json:"a"` // likewise; -1: the step failed
}

// Encode is the value of the record; nil: there is nothing to keep.
func (b *Bodies) Encode() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.steps)+len(b.answers) == 0 {
		return nil
	}
	var head keptBodies
	var known []Body
	var texts []byte
	index := func(of Body) int {
		if i := slices.Index(known, of); i >= 0 {
			return i
		}
		text := of.document()
		known = append(known, of)
		if len(text) > maxKeptBody || len(texts)+len(text) > maxKeptBodies {
			head.Sizes = append(head.Sizes, -len(text))
			return len(known) - 1
		}
		head.Sizes, texts = append(head.Sizes, len(text)), append(texts, text...)
		return len(known) - 1
	}
	for _, s := range b.steps {
		k := keptStep{s.time.UnixNano(), s.message, s.place.Where, s.place.Line, index(s.before), -1}
		if !s.failed {
			k.After = index(s.after)
		}
		head.Steps = append(head.Steps, k)
	}
	for _, a := range b.answers {
		head.Answers = append(head.Answers, keptAnswer{a.message, a.where, a.answer.Headers.With(HeaderAsked, "").With("cookie", ""), index(a.asked), index(a.answer.Body)})
	}
	text, _ := json.Marshal(head) // of numbers and texts: never fails
	var out bytes.Buffer
	w, ok := deflaters.Get().(*flate.Writer)
	if !ok {
		w, _ = flate.NewWriter(nil, flate.BestSpeed) // the level is one
	}
	defer deflaters.Put(w)
	w.Reset(&out)
	for _, part := range [][]byte{text, {'\n'}, texts} {
		w.Write(part) // to memory: never fails
	}
	w.Close()
	return out.Bytes()
}

// deflaters are *flate.Writer, of which each takes half a megabyte.
var deflaters sync.Pool

// document is the body as JSON where its format has a document of it, else its bytes.
func (b Body) document() []byte {
	if b.Format() != nil {
		if v, err := b.Doc(); err == nil {
			return v.JSON()
		}
	}
	return b.Bytes()
}

// StepBody is the body before and after a step, as it was kept.
type StepBody struct {
	Time          time.Time
	Message       string // ID of the message that went on
	Where, Line   string
	Before, After *KeptBody // After nil: the step failed, and nothing went on
}

// KeptBody is a body that was kept: JSON, or bytes in a format that nobody could read.
type KeptBody struct {
	Bytes []byte // nil: it was too large
	Size  int
}

// Answer is what a call was answered, as it was kept.
type Answer struct {
	Message, Where string // the ID of the message that the step ran for, and the step
	Headers        Headers
	Asked, Body    *KeptBody
}

// DecodeBodies is the reverse of Encode.
func DecodeBodies(value []byte) ([]StepBody, []Answer, error) {
	all, err := io.ReadAll(flate.NewReader(bytes.NewReader(value)))
	if err != nil {
		return nil, nil, fmt.Errorf("bodies of a run: %w", err)
	}
	text, rest, _ := bytes.Cut(all, []byte("\n"))
	var head keptBodies
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, nil, fmt.Errorf("bodies of a run: %w", err)
	}
	bodies := make([]*KeptBody, len(head.Sizes))
	for i, size := range head.Sizes {
		bodies[i] = &KeptBody{Size: max(size, -size)}
		if size >= 0 && size <= len(rest) {
			bodies[i].Bytes, rest = rest[:size:size], rest[size:]
		}
	}
	body := func(i int) *KeptBody {
		if i < 0 || i >= len(bodies) {
			return nil
		}
		return bodies[i]
	}
	var out []StepBody
	for _, s := range head.Steps {
		out = append(out, StepBody{time.Unix(0, s.Time).UTC(), s.Message, s.Where, s.Line, body(s.Before), body(s.After)})
	}
	var answers []Answer
	for _, a := range head.Answers {
		answers = append(answers, Answer{a.Message, a.Where, a.Headers, body(a.Asked), body(a.Body)})
	}
	return out, answers, nil
}
