package formula

import (
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Frame is what a formula runs on: an exchange, the values of the scope's locals, and a budget. It belongs to one goroutine, and may be used
// for many formulas one after another; it decodes the body once.
type Frame struct {
	X      *hub.Exchange // may be nil: then there is no message, and the time is the wall clock
	Locals []doc.Value   // by the slots that Scope.WithLocal gave; a slot beyond the end is Missing
	Limits Limits        // zero fields mean DefaultLimits

	budget
	body    doc.Value
	bodyErr error
	decoded bool
	busy    bool        // inside Eval: a function evaluates another formula on this frame
	fault   *RunError   // of a plain formula
	short   bool        // a ?. found nothing: the rest of its chain is left out
	slots   []doc.Value // elements, indexes and accumulators of closures, variables of let
}

// fewSlots is room for most formulas, so that a frame used for many makes its slots once.
const fewSlots = 6

// NewFrame is a frame for x with no locals.
func NewFrame(x *hub.Exchange) *Frame { return &Frame{X: x} }

// Reset makes the frame ready for another exchange; locals and limits stay.
func (fr *Frame) Reset(x *hub.Exchange) {
	fr.X, fr.body, fr.bodyErr, fr.decoded = x, doc.Value{}, nil, false
}

// Body is the decoded body of the message; Missing without a message or when the body is empty.
func (fr *Frame) Body() (doc.Value, error) {
	if !fr.decoded {
		fr.decode()
	}
	return fr.body, fr.bodyErr
}

func (fr *Frame) decode() {
	fr.decoded = true
	if fr.X == nil || fr.X.Msg == nil || fr.X.Msg.Body == (hub.Body{}) {
		return
	}
	fr.body, fr.bodyErr = fr.X.Doc()
}

// SetBody replaces the body that formulas see, without changing the message.
func (fr *Frame) SetBody(v doc.Value) { fr.body, fr.bodyErr, fr.decoded = v, nil, true }

// Local sets the value of a slot.
func (fr *Frame) Local(slot int, v doc.Value) {
	for len(fr.Locals) <= slot {
		fr.Locals = append(fr.Locals, doc.Value{})
	}
	fr.Locals[slot] = v
}

func (fr *Frame) local(slot int) doc.Value {
	if slot < len(fr.Locals) {
		return fr.Locals[slot]
	}
	return doc.Value{}
}

// Now is the hub's time.
func (fr *Frame) Now() time.Time {
	if fr.X == nil {
		return time.Now().UTC()
	}
	return fr.X.Now().UTC()
}

// meta is a property of the message.
func (fr *Frame) meta(name string) doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.Value{}
	}
	m := fr.X.Msg
	switch name {
	case "id":
		return doc.StringValue(m.ID)
	case "key":
		return doc.StringValue(m.Key)
	case "correlation":
		return doc.StringValue(m.Correlation)
	}
	return doc.StringValue(m.Time.UTC().Format(time.RFC3339Nano))
}

// headers is all headers as an object, sorted.
func (fr *Frame) headers() doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.ObjectOf(nil)
	}
	return fr.X.Msg.Headers.Document("")
}

// header is one header; Missing when absent.
func (fr *Frame) header(name string) doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.Value{}
	}
	if v, ok := fr.X.Msg.Headers[name]; ok {
		return doc.StringValue(v)
	}
	return doc.Value{}
}

// begin makes the budget and the slots ready. An Eval inside an Eval shares the budget and gets slots of its own.
func (fr *Frame) begin(slots int) (outer []doc.Value, nested bool) {
	if fr.busy {
		outer = fr.slots
		fr.slots = make([]doc.Value, slots)
		return outer, true
	}
	fr.busy = true
	fr.limits = fr.Limits.orDefault()
	fr.reset()
	if len(fr.slots) < slots {
		fr.slots = make([]doc.Value, max(slots, fewSlots))
	}
	return nil, false
}

// end undoes begin, and makes an error of the panic of a part that could not go on.
func (fr *Frame) end(outer []doc.Value, nested bool, err *error) {
	if r := recover(); r != nil {
		fault, ok := r.(*RunError)
		if !ok {
			panic(r) // a bug
		}
		*err = fault
	}
	if nested {
		fr.slots = outer
	} else {
		fr.busy = false
	}
}

// Frames lends frames, so that a step does not make one for every message. The zero Frames is ready; it is safe for concurrent use.
type Frames struct{ pool sync.Pool }

// Get is a frame for x with no locals and the default limits, as of NewFrame. Whoever got it gives it back with Put, or drops it.
func (p *Frames) Get(x *hub.Exchange) *Frame {
	fr, ok := p.pool.Get().(*Frame)
	if !ok {
		return NewFrame(x)
	}
	fr.X = x
	return fr
}

// Put takes back a frame that nothing uses any more. It keeps nothing of the message.
func (p *Frames) Put(fr *Frame) {
	locals, slots := fr.Locals, fr.slots
	clear(locals)
	clear(slots)
	*fr = Frame{Locals: locals[:0], slots: slots}
	p.pool.Put(fr)
}
