package pipelines

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Request is a compiled call: of an adapter's operation or of a pipeline `from: call`.
type Request struct {
	Name string

	op       *farEnd
	pipeline *Pipeline
	channel  *Channel
	answers  *answers // what it may be answered; nil: any
	with     *Value
	headers  HeaderValues
	formats  *formats
	wire     wire // the formats of request and answer
	timeout  time.Duration
	safe     bool // it only reads: see Safe
	site     Site
}

// defaultTimeout bounds a call that says nothing.
const defaultTimeout = 30 * time.Second

// Request compiles a call of what n names; with (may be nil) is its body, else the message's own.
func (b *Build) Request(n, with *yamlfile.Node) *Request {
	name := n.Str()
	b.part.asks = true
	r := &Request{Name: name, site: b.Site, timeout: b.Timeout(defaultTimeout), headers: b.Headers(), formats: b.plan.formats}
	r.with = b.Value(with, b.Flow.Scope, nil)
	c := b.plan.Channel(name)
	if p := b.plan.Pipeline(name); p != nil && (p.From.Call || c == nil) {
		if !p.From.Call {
			n.Errorf("E240", "write from: call in pipeline "+name+", or send to its channel", "the pipeline %s is not for calls: it reads from elsewhere", name)
			return nil
		}
		b.plan.compileOnce(p)
		r.pipeline = p
		b.leadsTo(Destination{To: name, Verb: "call", asks: true, called: p})
		return r
	}
	if c != nil {
		return b.toReader(r, c, n)
	}
	return b.toOperation(r, n)
}

// toOperation asks an adapter.
func (b *Build) toOperation(r *Request, n *yamlfile.Node) *Request {
	name := r.Name
	adapter, op, _ := strings.Cut(name, ".")
	a := b.plan.Adapter(adapter)
	switch {
	case b.plan.broken[adapter], b.plan.broken[name]:
		return nil
	case a == nil:
		n.Errorf("E242", didYouMean(name, b.callable()), "unknown operation or pipeline %q", name)
		return nil
	case a.absent:
		n.Errorf("E224", "call a channel with via: "+adapter+" instead, or give the adapter its address", "the hub runs without %s, and its store can't answer for it", adapter)
		return nil
	case a.Type.Ops == nil:
		n.Errorf("E243", "send to it instead", "the adapter %s (%s) answers no calls", adapter, a.Type.Name)
		return nil
	}
	if ops := a.Type.Ops(a.cfg); !slices.Contains(ops, op) {
		full := Names(ops, func(o string) string { return adapter + "." + o })
		if op == "" {
			n.Errorf("E244", "write "+strings.Join(full, ", or "), "say which operation of %s is called", adapter)
		} else {
			n.Errorf("E244", didYouMean(name, full), "%s has no operation %q", adapter, op)
		}
		return nil
	}
	r.op, r.answers, r.wire = a.farEnd(op, true), b.plan.answersOf(a, op), a.wires[op]
	r.safe = a.Type.Safe != nil && a.Type.Safe(a.cfg, op)
	if r.wire.request == nil && a.Type.Takes != nil {
		if media := a.Type.Takes(a.cfg, op); media != "" {
			r.wire.request = b.plan.formats.typed(media)
		}
	}
	b.checkHeaders(a, op)
	if check := a.Type.CheckCall; check != nil {
		for _, f := range check(a.cfg, op, b.Modifier("headers").Keys()) {
			n.Errorf("E218", f.Help, "%s", f.Message)
		}
	}
	b.leadsTo(Destination{To: adapter, Verb: "call", asks: true, Arg: op})
	return r
}

// toReader asks whoever reads channel c.
func (b *Build) toReader(r *Request, c *Channel, n *yamlfile.Node) *Request {
	r.channel, r.answers, r.wire = c, c.answers, wire{c.format, c.format}
	if c.Type != "direct" {
		n.Errorf("E241", "make it a direct channel; scatter_gather asks several", "a call has one answer, and %s is a %s channel", c.Name, c.Type)
		return nil
	}
	to := Destination{To: c.Name, Verb: "call", asks: true}
	if c.Via != nil {
		r.op = c.Via.carried(c, true)
	} else if len(c.readers) == 0 {
		n.Errorf("E241", "add a pipeline with from: "+c.Name+" and a reply, or put the channel on a broker with via:", "nobody reads %s: a call of it would never be answered", c.Name)
		return nil
	} else if p := b.plan.Pipeline(c.readers[0].pipeline); !p.replies {
		n.Errorf("E241", "add a reply step to the pipeline "+p.Name, "%s reads %s, and has no reply: a call of it would never be answered", p.Name, c.Name)
		return nil
	} else {
		to.called = p
	}
	b.leadsTo(to)
	return r
}

func (b *Build) callable() []string {
	var out []string
	for _, p := range b.plan.Pipelines {
		if p.From.Call {
			out = append(out, p.Name)
		}
	}
	for _, a := range b.plan.Adapters {
		if a.Type.Ops != nil {
			for _, op := range a.Type.Ops(a.cfg) {
				out = append(out, a.Name+"."+op)
			}
		}
	}
	return out
}

// Within bounds how long a call may take, beside its own timeout.
func (r *Request) Within(d time.Duration) { r.timeout = min(r.timeout, d) }

// Call asks and gives the answer's body as a value.
func (r *Request) Call(ctx context.Context, x *hub.Exchange) (doc.Value, error) {
	reply, err := r.Ask(ctx, x)
	if err != nil {
		return doc.Value{}, err
	}
	return r.Document(reply)
}

// Document is the body of an answer as a value; null when it is empty.
func (r *Request) Document(reply *hub.Message) (doc.Value, error) { return document(r.Name, reply) }

// Ask asks and gives the answer as it came: a text or bytes, if nothing says that it is a document.
func (r *Request) Ask(ctx context.Context, x *hub.Exchange) (*hub.Message, error) {
	began := x.Now()
	m, err := r.message(x)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	reply, err := r.ask(ctx, x, m)
	note := called(reply, err)
	x.Bodies.Answered(x.Msg, r.site.Where, m.Body, cmp.Or(reply, hub.AnswerOf(err)))
	if err = r.reported(err); err != nil {
		if x.Trace {
			r.note(x, began, note, r.Name+" failed: "+hub.AsError(err).Masked(x.Mask()).Error())
		}
		return nil, err
	}
	if reply == nil {
		reply = &hub.Message{}
	}
	reply = reply.WithHeader(hub.HeaderAsked, "")
	reply = r.formats.read(reply, cmp.Or(r.wire.reply, r.formats.of(reply.Headers)))
	if reply, err = r.answers.hold(r.Name, m, reply); err != nil { // it may tell what it holds: nobody else knows that document
		err = hub.AsError(err).Masked(x.Mask().About(m.Documents()...).About(reply.Documents()...))
	} else if r.pipeline == nil && !r.safe { // of a pipeline that runs here, what it called counts
		x.Acted()
	}
	if x.Trace {
		detail := r.Name
		if note.Status != "" {
			detail += " → " + note.Status
		}
		if err != nil {
			detail += " failed: " + err.Error()
		}
		r.note(x, began, note, detail)
	}
	return reply, err
}

// Process asks, and goes on with the answer as the body.
func (r *Request) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	reply, err := r.Ask(ctx, x)
	if err != nil {
		return err
	}
	x.Msg = answered(x.Msg, reply)
	return next(ctx, x)
}

// answered is m with the answer for its body. Bytes that are no JSON go on as they came, with what says what they are.
func answered(m, reply *hub.Message) *hub.Message {
	if reply.Body.Len() == 0 {
		return m.WithBody(hub.DocumentBody(doc.NullValue()))
	}
	_, bad := reply.Body.Doc()
	m = m.WithBody(reply.Body)
	if bad != nil || reply.Body.Format() != nil {
		for _, name := range []string{hub.HeaderContentType, hub.HeaderEncoding, hub.HeaderFormat} {
			m = m.WithHeader(name, reply.Headers.Get(name))
		}
	}
	return m
}

// note adds the call e to the history.
func (r *Request) note(x *hub.Exchange, began time.Time, e hub.Event, detail string) {
	e.Time, e.Took, e.Where, e.Line, e.What, e.Detail = began, x.Now().Sub(began), r.site.Where, r.site.Line, "called", detail
	x.Note(e)
}

// called is what the history has of a call that was answered, or failed.
func called(reply *hub.Message, err error) hub.Event {
	e, failed := errors.AsType[*hub.Error](err)
	switch {
	case failed && e.Answer != nil:
		return hub.Event{Asked: e.Asked, Status: e.Answer.Headers.Get(hub.HeaderStatus)}
	case failed:
		return hub.Event{Asked: e.Asked}
	case reply != nil:
		return hub.Event{Asked: reply.Headers.Get(hub.HeaderAsked), Status: reply.Headers.Get(hub.HeaderStatus)}
	}
	return hub.Event{}
}

// reported is the error that the answer itself reports in its format, as a SOAP Fault does, where so far only its status was known.
func (r *Request) reported(err error) error {
	e, ok := errors.AsType[*hub.Error](err)
	if !ok || e.Answer == nil || r.wire.reply == nil {
		return err
	}
	_, said := r.formats.read(e.Answer, r.wire.reply).Body.Doc()
	if own, ok := errors.AsType[*hub.Error](said); ok {
		told := *own
		told.After = e.After
		return &told
	}
	return err
}

// ask makes the call: of a pipeline, of whoever reads a channel, or of an adapter's operation.
func (r *Request) ask(ctx context.Context, x *hub.Exchange, m *hub.Message) (reply *hub.Message, err error) {
	if r.channel != nil {
		if m, err = r.channel.prepare(x, m, ""); err != nil {
			return nil, err
		}
	}
	switch {
	case r.pipeline != nil:
		return r.pipeline.call(ctx, x, m)
	case r.op != nil:
		return r.op.of(x).Call(ctx, m)
	}
	return x.Env.Ask(ctx, r.channel.Name, m)
}

func (r *Request) message(x *hub.Exchange) (*hub.Message, error) {
	fr := formula.NewFrame(x)
	m := x.Msg.Child(r.site.Suffix())
	if r.with != nil {
		v, err := r.with.Apply(fr)
		if err != nil {
			return nil, err
		}
		m.Body = hub.DocumentBody(v)
	}
	h := hub.Headers{hub.HeaderIdempotency: r.site.IdempotencyKey(x)}
	if m.Body.Format() != nil { // the message's own body, in its own format
		for _, name := range []string{hub.HeaderContentType, hub.HeaderFormat, hub.HeaderEncoding} {
			if v := x.Msg.Headers.Get(name); v != "" {
				h[name] = v
			}
		}
	}
	var err error
	if m.Headers, err = r.headers.Apply(fr, h); err != nil {
		return nil, err
	}
	return m, r.formats.written(m, r.wire.request, r.headers[hub.HeaderContentType] != nil, r.channel != nil)
}

// Safe says that whoever is asked only reads for it: an error behind the answer leaves nothing done. RFC 9110, 9.2.1, has the word.
func (r *Request) Safe() *Request {
	if r != nil {
		r.safe = true
	}
	return r
}

// Type is what is known of the answer; any value of a request that has a fault, which is nil.
func (r *Request) Type() *shape.Type {
	switch {
	case r == nil:
		return shape.AnyType
	case r.pipeline != nil:
		return r.pipeline.gives
	}
	return r.answers.shape()
}

// call runs a pipeline `from: call` inside the caller's unit of work. It answers with the reply, or with
// the message that came to its end; nil: no message did.
func (p *Pipeline) call(ctx context.Context, x *hub.Exchange, m *hub.Message) (*hub.Message, error) {
	in := x.Attempt(m)
	in.Vars = nil
	var ended atomic.Bool // the children of a split may run side by side
	end := func(context.Context, *hub.Exchange) error { ended.Store(true); return nil }
	if err := p.body.Process(ctx, in, end); err != nil {
		x.Unit.History = append(x.Unit.History, in.Unit.History...)
		return nil, hub.Called(in.Outcome(err))
	}
	reply := in.Unit.Reply
	x.Join(in)
	if reply == nil && ended.Load() {
		reply = in.Msg
	}
	return reply, nil
}
