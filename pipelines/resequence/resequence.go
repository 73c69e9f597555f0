// Package resequence is the durable Resequencer: messages of one sequence go on in the order of their numbers, whatever the order in which
// they come.
package resequence

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `resequence`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "resequence", Keeps: true, Compile: compile, Passes: pipelines.PassesFewer.Always}
}

type options struct {
	By    *yamlfile.Node `yaml:"by" required:"true" doc:"formula: the key of the sequence"`
	Order *yamlfile.Node `yaml:"order" required:"true" doc:"formula: the message's number in its sequence, a whole number"`
	First int64          `yaml:"first" doc:"the number that a sequence begins with; default 1"`
	Wait  time.Duration  `yaml:"wait" required:"true" min:"1ms" max:"365d" doc:"how long a message waits for those before it; then the gap is told, and it goes on"`
	Gap   *yamlfile.Node `yaml:"gap" doc:"where a gap is told: a message {by, missing, next} with the first and the last number that are missing, and the one that goes on"`
	Late  *yamlfile.Node `yaml:"late" doc:"where messages go that come after their gap was told"`
	Keep  time.Duration  `yaml:"keep" min:"1m" max:"3650d" doc:"how long a sequence is known after its last message; default 30d"`
}

func compile(b *pipelines.Build) hub.Step {
	o := options{First: 1, Keep: 30 * 24 * time.Hour}
	b.Node.Decode(&o, "resequence")
	if o.By == nil || o.Order == nil {
		return nil
	}
	if o.Keep < o.Wait {
		b.Node.Errorf("E274", "write keep: "+(2*o.Wait).String(), "a sequence must be known for longer than a message of it waits")
	}
	r := &resequencer{site: b.Site, first: o.First, wait: o.Wait, keep: o.Keep}
	r.by = b.Scalar(o.By, "a key is a text or a number", "body.shipment")
	r.order = b.Scalar(o.Order, "an order is a whole number", "body.seq")
	if o.Gap != nil {
		told := *b
		told.Flow = b.Flow.Branch()
		told.Flow.SetBody(gapShape)
		r.gap = told.Sender(o.Gap)
	}
	if o.Late != nil {
		r.late = b.Sender(o.Late)
	}
	r.queue = b.Timer("turn", hub.StepFunc(r.turn))
	return r
}

var gapShape = shape.ObjectType(
	shape.Field{Name: "by", Type: shape.StringType, Required: true},
	shape.Field{Name: "missing", Type: shape.ArrayOf(shape.NumberType), Required: true},
	shape.Field{Name: "next", Type: shape.NumberType, Required: true},
)

// maxHeld bounds how many messages of one sequence wait.
const maxHeld = 10_000

type resequencer struct {
	site       pipelines.Site
	by, order  *pipelines.Expr
	first      int64
	wait, keep time.Duration
	gap, late  *pipelines.Sender
	queue      string // where messages wait for their turn
}

// place is a message's place: its sequence and its number there.
func (r *resequencer) place(ctx context.Context, x *hub.Exchange) (s *sequence, n int64, err error) {
	fr := formula.NewFrame(x)
	key, err := r.by.Key(fr, "sequence key")
	if err != nil {
		return nil, 0, err
	}
	text, err := r.order.Key(fr, "order")
	if err != nil {
		return nil, 0, err
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil {
		return nil, 0, hub.Fail(hub.Invalid, "order", "%q is no whole number", text)
	}
	s, err = r.read(ctx, x, key)
	return s, n, err
}

// Process takes a message that comes. It goes on if it is its turn; else it waits in the store.
func (r *resequencer) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	s, n, err := r.place(ctx, x)
	if err != nil {
		return err
	}
	switch {
	case n < r.first:
		return hub.Fail(hub.Invalid, "order", "number %d of sequence %q lies below the first, %d", n, s.key, r.first)
	case n == s.Next:
		return r.goOn(ctx, x, s, next)
	case n < s.Next:
		return r.behind(x, s, n)
	case s.Held.has(n):
		r.site.Note(x, x.Clock(), "duplicate", fmt.Sprintf("number %d of %s waits already", n, s.key))
		return nil
	case s.size() >= maxHeld:
		return hub.Fail(hub.Rejected, "sequence_full", "%d messages of sequence %q wait for number %d", maxHeld, s.key, s.Next).Tell()
	}
	s.Held = s.Held.with(n)
	r.write(x, s)
	r.hold(x, s, n, x.Now().Add(r.wait))
	r.site.Note(x, x.Clock(), "held", fmt.Sprintf("number %d of %s waits for %d", n, s.key, s.Next))
	return nil
}

// turn is run when a message's turn has come, or its time is over: then those before it are missing. So is one whose turn came as long ago and
// that did not go on: whatever became of it, the others wait no longer.
func (r *resequencer) turn(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	s, n, err := r.place(ctx, x)
	switch {
	case err != nil:
		return err
	case n < s.Next:
		return r.behind(x, s, n)
	case n == s.Next:
		return r.goOn(ctx, x, s, next)
	}
	if until := s.Since.Add(r.wait); s.Held.has(s.Next) && x.Now().Before(until) {
		r.hold(x, s, n, until)
		return nil
	}
	from := s.Next
	s.Held = s.Held.without(from)
	s.give(s.Held[0][0], x.Now())
	s.missing(from)
	if err := r.tell(x, s, from); err != nil {
		return err
	}
	if n == s.Next {
		return r.goOn(ctx, x, s, next)
	}
	r.write(x, s) // one below goes first, though its time is not over
	r.wake(x, s, s.Next)
	r.hold(x, s, n, x.Now().Add(r.wait))
	return nil
}

// goOn passes the message on whose turn it is, in the unit in which the turn of the next comes.
func (r *resequencer) goOn(ctx context.Context, x *hub.Exchange, s *sequence, next hub.Next) error {
	s.Held = s.Held.without(s.Next)
	s.give(s.Next+1, x.Now())
	r.write(x, s)
	if s.Held.has(s.Next) {
		r.wake(x, s, s.Next)
	}
	return next(ctx, x)
}

// behind is what becomes of a message whose number is over.
func (r *resequencer) behind(x *hub.Exchange, s *sequence, n int64) error {
	switch {
	case !s.Gaps.has(n):
		r.site.Note(x, x.Clock(), "duplicate", fmt.Sprintf("number %d of %s went on before", n, s.key))
		return nil
	case r.late == nil:
		return hub.Fail(hub.Rejected, "late", "number %d of sequence %q comes after its gap was told", n, s.key).Tell()
	}
	if err := r.late.Send(x, "late"); err != nil {
		return err
	}
	r.site.Note(x, x.Clock(), "late", fmt.Sprintf("number %d of %s; sent to %s", n, s.key, r.late.Name))
	return nil
}

// hold puts the message where it waits. It keeps all that it has.
func (r *resequencer) hold(x *hub.Exchange, s *sequence, n int64, until time.Time) {
	x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: r.queue, Name: s.nameOf(n), Msg: x.Msg, Vars: x.Vars, Due: until})
}

// wake makes the one that waits with the number due.
func (r *resequencer) wake(x *hub.Exchange, s *sequence, n int64) {
	x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: r.queue, Name: s.nameOf(n), Wake: true})
}

// tell tells of the gap from a number up to the next one.
func (r *resequencer) tell(x *hub.Exchange, s *sequence, from int64) error {
	r.site.Note(x, x.Clock(), "gap", fmt.Sprintf("%d to %d of %s are missing", from, s.Next-1, s.key))
	if r.gap == nil {
		return nil
	}
	m := x.Msg.WithBody(hub.DocumentBody(doc.ObjectOf([]doc.Field{
		{Name: "by", Value: doc.StringValue(s.key)},
		{Name: "missing", Value: doc.ListOf([]doc.Value{doc.IntValue(from), doc.IntValue(s.Next - 1)})},
		{Name: "next", Value: doc.IntValue(s.Next)},
	})))
	m.ID = hub.DeriveID(x.Msg.ID, r.site.Suffix()+".gap")
	return r.gap.Send(x.With(m), "gap")
}
