package clock

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// poll asks an operation, and makes messages of the items of its answer.
type poll struct {
	request *pipelines.Request
	items   *pipelines.Expr // nil: the answer itself is the list
	id      *pipelines.Expr // nil: the field id of an item that has one
	cursor  *pipelines.Expr // nil: none is kept
	more    *pipelines.Condition
	bare    bool // it asks with nothing
	item    int  // slot of id
	list    int  // slot of cursor and more
}

// compilePoll compiles the request and what is made of its answer. body is what an item is.
func compilePoll(b *pipelines.Build, o *options) (p *poll, body *shape.Type) {
	scope := b.Flow.Scope.WithVar("cursor", shape.AnyType)
	b.Flow.Scope = scope.WithBody(dueShape)
	p = &poll{request: b.Request(o.Poll, o.With).Safe(), bare: o.With == nil}
	list := p.request.Type()
	scope = scope.WithBody(list)
	if o.Items != nil {
		list = shape.AnyType
		if p.items = b.Expr(o.Items, scope); p.items != nil {
			list = p.items.Type()
		}
	}
	body = shape.AnyType
	if list.Is(shape.Array) {
		body = list.Element()
	} else if !list.IsAny() {
		at := cmp.Or(o.Items, o.Poll)
		at.Errorf("E302", "name the list: items: =body.items", "a poll brings the elements of a list, this is %s", list.Describe())
	}
	if o.ID != nil {
		var of *formula.Scope
		of, p.item = scope.WithLocal("item", body)
		p.id = b.Expr(o.ID, of)
	}
	scope, p.list = scope.WithLocal("items", shape.ArrayOf(body))
	p.cursor = b.Expr(o.Cursor, scope)
	switch {
	case o.More == nil:
	case o.Cursor == nil:
		o.More.Errorf("E277", "add cursor: =body.next", "`more` needs a cursor, or the next poll would get the same")
	default:
		p.more = b.Condition(o.More, scope)
	}
	return p, body
}

// ask polls: what is new in the answer is given on, and s knows where the next poll begins. x has the message of the time.
func (c *clock) ask(ctx context.Context, x *hub.Exchange, s *state, next hub.Next) error {
	s.Turns++
	asks := *x.Msg
	asks.ID = c.Pipeline + "-" + strconv.Itoa(s.Turns) // its request is another one than that of the poll before
	if x.Msg = &asks; c.poll.bare {
		asks.Body = hub.Body{}
	}
	cursor := doc.NullValue()
	if s.Cursor != nil {
		var err error
		if cursor, err = doc.Parse(s.Cursor); err != nil {
			return err
		}
	}
	x.Vars = hub.Vars{{Name: "cursor", Value: cursor}}
	notes := len(x.Unit.History)
	reply, err := c.poll.request.Ask(ctx, x)
	if err != nil {
		return err
	}
	answer, err := c.poll.request.Document(reply)
	if err != nil {
		return err
	}
	typed := func(item doc.Value) doc.Value { return item }
	if f := reply.Body.Format(); f != nil && f.Untyped && c.Schema != nil {
		typed = c.Schema.Typed
	}
	x.Msg = asks.WithBody(hub.DocumentBody(answer))
	fr := formula.NewFrame(x)
	items, err := c.poll.listOf(fr, answer)
	if err != nil {
		return err
	}
	given, err := c.give(ctx, x, fr, s, items, typed, next)
	if err != nil {
		return err
	}
	if given == 0 { // nothing to tell of
		x.Unit.History = x.Unit.History[:notes]
	}
	fr.Local(c.poll.list, items)
	return c.poll.moves(fr, s, cursor, items.Len())
}

// maxItems bounds what one answer may bring.
const maxItems = 10_000

// listOf is the list in the answer; null is an empty one.
func (p *poll) listOf(fr *formula.Frame, answer doc.Value) (items doc.Value, err error) {
	items = answer
	if p.items != nil {
		if items, err = p.items.Value(fr); err != nil {
			return items, err
		}
	}
	switch {
	case items.IsNull():
		return doc.ListOf(nil), nil
	case items.Kind() != doc.Array:
		return items, hub.Fail(hub.Rejected, hub.BadResponse, "%s answered %s where a list of items should be", p.request.Name, items.Kind())
	case items.Len() > maxItems:
		return items, hub.Fail(hub.Rejected, hub.BadResponse, "%s answered %d items; a poll takes %d at once", p.request.Name, items.Len(), maxItems)
	}
	return items, nil
}

// give gives the items on, as typed makes them, that were not among the newest before. It tells how many.
func (c *clock) give(ctx context.Context, x *hub.Exchange, fr *formula.Frame, s *state, items doc.Value, typed func(doc.Value) doc.Value, next hub.Next) (given int, err error) {
	known := make(map[string]bool, len(s.Seen))
	for _, d := range s.Seen {
		known[d] = true
	}
	now, came := x.Now(), make(map[string]bool, items.Len())
	var digests []string
	for _, item := range items.Elems() {
		m, digest, err := c.poll.message(fr, c.Pipeline, item, now)
		if err != nil {
			return given, err
		}
		if came[digest] {
			continue
		}
		came[digest] = true
		digests = append(digests, digest)
		if known[digest] {
			continue
		}
		given++
		y := x.With(m.WithBody(hub.DocumentBody(typed(item))))
		y.Vars = nil
		if err := next(ctx, y); err != nil {
			return given, err
		}
	}
	s.Seen = append(slices.DeleteFunc(s.Seen, func(d string) bool { return came[d] }), digests...)
	s.Seen = s.Seen[max(0, len(s.Seen)-max(minSeen, 2*len(digests))):]
	return given, nil
}

// minSeen is how many items are known at least.
const minSeen = 1000

// message is the one of an item. Its ID tells the item and what is in it: the same item unchanged is the same message.
func (p *poll) message(fr *formula.Frame, pipeline string, item doc.Value, now time.Time) (m *hub.Message, digest string, err error) {
	v := item.Get("id")
	if p.id != nil {
		fr.Local(p.item, item)
		if v, err = p.id.Value(fr); err != nil {
			return nil, "", err
		}
	}
	id := ""
	if k := v.Kind(); k == doc.String || k == doc.Number {
		id = v.Text()
	}
	if len(id) > pipelines.MaxKey {
		id = hub.HashID(id)
	}
	digest = hub.HashID(id + "\x00" + doc.Digest(item))[:16]
	m = &hub.Message{ID: pipeline + "-" + digest, Key: id, Correlation: id, Time: now, Body: hub.DocumentBody(item)}
	if id != "" {
		m.ID = pipeline + "-" + escape.Segments(id) + "-" + digest
	}
	return m, digest, nil
}

// moves moves the cursor, and tells s whether there is more to ask for. Without a new cursor there is not: the answer would be the same. Of an
// empty answer a cursor like last(items).id can't be told: it stays.
func (p *poll) moves(fr *formula.Frame, s *state, before doc.Value, came int) error {
	s.More = false
	if p.cursor == nil {
		return nil
	}
	v, err := p.cursor.Value(fr)
	if came == 0 && err != nil || err == nil && v.IsNull() {
		return nil
	}
	if err != nil {
		return err
	}
	s.Cursor = v.JSON()
	if p.more != nil && !doc.Equal(before, v) {
		s.More, err = p.more.Holds(fr)
	}
	return err
}
