// Package aggregate is the durable Aggregator: messages of one group are kept
// in the store until the group is complete or its time is over; then one
// message goes on for all of them.
package aggregate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `aggregate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "aggregate", Keeps: true, Compile: compile,
		Passes: pipelines.PassesFewer.Always}
}

type options struct {
	By      *yamlfile.Node `yaml:"by" required:"true" doc:"formula: the group's key (Correlation Identifier)"`
	Until   *yamlfile.Node `yaml:"until" doc:"condition: the group is complete; sees body (the newest), size and bodies"`
	Idle    time.Duration  `yaml:"idle" min:"1ms" max:"365d" doc:"the group goes on as it is when no member came for so long"`
	Timeout time.Duration  `yaml:"timeout" min:"1ms" max:"365d" doc:"the group goes on as it is so long after its first member"`
	Late    *yamlfile.Node `yaml:"late" doc:"where members go that come after the group went on"`
	Rolling bool           `yaml:"rolling" doc:"a member that comes after the group went on begins the next group of its key"`
	Give    *yamlfile.Node `yaml:"give" doc:"the body that goes on; sees bodies, size and complete"`
}

func compile(b *pipelines.Build) hub.Step {
	var o options
	b.Node.Decode(&o, "aggregate")
	if o.By == nil {
		return nil
	}
	if o.Until == nil && o.Idle == 0 && o.Timeout == 0 {
		b.Node.Errorf("E272", "add until: size == 10, idle: 10m or timeout: 1h", "nothing ever completes these groups")
		return nil
	}
	if o.Rolling && o.Late != nil {
		b.Node.KeyNode("late").Errorf("E274", "remove one of them", "no member of `rolling` groups is late")
		return nil
	}
	a := &aggregator{site: b.Site, idle: o.Idle, timeout: o.Timeout, rolling: o.Rolling}
	a.by = b.Scalar(o.By, "a key is a text or a number", "body.order_id")
	if o.Until != nil {
		scope, slot := b.Flow.Scope.WithLocal("size", shape.NumberType)
		a.size = slot
		scope, a.bodies = scope.WithLocal("bodies", shape.ArrayOf(b.Flow.Body()))
		if a.until = b.Condition(o.Until, scope); a.until != nil {
			a.untilBodies = slices.Contains(a.until.Reads().Names(), "bodies")
		}
	}
	if o.Late != nil {
		a.late = b.Sender(o.Late)
	}
	if o.Idle > 0 || o.Timeout > 0 {
		a.timer = b.Timer("group", hub.StepFunc(a.fired))
	}
	a.give = compileGive(b, o.Give)
	return a
}

// meta are the names of every message; all others belong to single members and end with them.
var meta = map[string]bool{"headers": true, "id": true, "key": true, "correlation": true, "time": true}

// compileGive compiles `give`, and leaves in the flow what is true behind the group.
func compileGive(b *pipelines.Build, n *yamlfile.Node) *pipelines.Give {
	list := shape.ArrayOf(b.Flow.Body())
	var gone []string
	for _, name := range b.Flow.Scope.Names() {
		if !meta[name] {
			gone = append(gone, name)
		}
	}
	bare := b.Flow.Scope.Without(gone...)
	give, body := b.Give(n, bare, shape.Field{Name: "bodies", Type: list}, shape.Field{Name: "size", Type: shape.NumberType}, shape.Field{Name: "complete", Type: shape.BoolType})
	b.Flow.Scope = bare.WithBody(body).WithVar("complete", shape.BoolType)
	return give
}

// aggregate makes x.Msg the aggregate. Its ID is derived: the same however often the unit is tried.
func (a *aggregator) aggregate(x *hub.Exchange, g *group, key string, bodies doc.Value, complete bool) error {
	m := &hub.Message{
		ID:          g.derive(a.site.Suffix()),
		Key:         key,
		Correlation: g.Correlation,
		Time:        x.Now(),
		Expires:     g.Expires,
		Headers:     g.Headers,
		Trace:       x.Msg.Trace,
		Body:        hub.DocumentBody(bodies),
	}
	if m.Correlation == "" && !g.Mixed {
		m.Correlation = key
	}
	x.Msg, x.Vars = m, hub.Vars{{Name: "complete", Value: doc.BoolValue(complete)}}
	body, err := a.give.Of(x, bodies, doc.IntValue(int64(bodies.Len())), doc.BoolValue(complete))
	if err != nil {
		return err
	}
	x.Msg = m.WithBody(hub.DocumentBody(body))
	return nil
}

const (
	maxMembers = 10_000
	closedFor  = 24 * time.Hour // at least: how long late members are known as late
)

type aggregator struct {
	site          pipelines.Site
	by            *pipelines.Expr
	until         *pipelines.Condition // nil: only time completes a group
	untilBodies   bool                 // until reads bodies
	size, bodies  int                  // slots of until
	idle, timeout time.Duration
	timer         string // queue of the timers; "" without idle and timeout
	late          *pipelines.Sender
	rolling       bool // no member is late: it begins the next group
	give          *pipelines.Give
}

// Process adds the message to its group. Only the message that completes it goes on, as the aggregate.
func (a *aggregator) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	fr := formula.NewFrame(x)
	key, err := a.by.Key(fr, "group key")
	if err != nil {
		return err
	}
	body, err := x.Doc()
	if err != nil {
		return err
	}
	id := a.site.Where + " " + key
	x.Serialize(kindGroup, id)
	g, err := readGroup(ctx, x, id)
	if err != nil {
		return err
	}
	switch {
	case g.Closed && a.rolling:
		g = &group{name: id, version: g.version}
	case g.Closed:
		return a.tooLate(x, key)
	}
	if known, err := g.has(ctx, x, x.Msg.ID); known || err != nil {
		if known {
			a.site.Note(x, x.Clock(), "duplicate", "is in group "+key+" already")
		}
		return err
	}
	if g.Size >= maxMembers {
		return hub.Fail(hub.Rejected, "group_full", "group %q has %d members", key, g.Size).Tell()
	}
	g.add(x.Msg, x.Now())
	complete, err := a.complete(ctx, fr, g, body)
	if err != nil {
		return err
	}
	if !complete {
		g.keep(x, body)
		if g.Size == 1 { // later members need not move it: when it fires it sees when the group is due
			a.setTimer(x, g, key)
		}
		a.site.Note(x, x.Clock(), "grouped", strconv.Itoa(g.Size)+" in "+key)
		return nil
	}
	members, err := g.members(ctx, x)
	if err != nil {
		return err
	}
	if g.Size > 1 {
		a.dropTimer(x, g)
	}
	members = append(members, member{n: g.Size, id: x.Msg.ID, body: body})
	return a.goOn(ctx, x, g, key, members, true, next)
}

// complete evaluates `until` with the new member.
func (a *aggregator) complete(ctx context.Context, fr *formula.Frame, g *group, body doc.Value) (bool, error) {
	if a.until == nil {
		return false, nil
	}
	fr.Local(a.size, doc.IntValue(int64(g.Size)))
	if a.untilBodies {
		members, err := g.members(ctx, fr.X)
		if err != nil {
			return false, err
		}
		fr.Local(a.bodies, bodiesOf(append(members, member{body: body})))
	}
	return a.until.Holds(fr)
}

// goOn closes the group and passes its aggregate on in x's unit.
func (a *aggregator) goOn(ctx context.Context, x *hub.Exchange, g *group, key string, members []member, complete bool, next hub.Next) error {
	began := x.Clock()
	x.Unit.Span.Links = append(x.Unit.Span.Links, linksOf(x, members)...)
	g.close(x, members, max(closedFor, 2*a.idle))
	if err := a.aggregate(x, g, key, bodiesOf(members), complete); err != nil {
		return err
	}
	if x.Trace {
		detail := fmt.Sprintf("%d in %s", len(members), key)
		if !complete {
			detail += ", incomplete"
		}
		x.Note(hub.Event{Where: a.site.Where, Line: a.site.Line, What: "aggregated", Detail: detail, Took: x.Now().Sub(began), Links: rootsOf(members)})
	}
	return next(ctx, x)
}

func (a *aggregator) tooLate(x *hub.Exchange, key string) error {
	if a.late == nil {
		return hub.Fail(hub.Rejected, "late", "group %q is closed: this message is late", key).Tell()
	}
	if err := a.late.Send(x, "late"); err != nil {
		return err
	}
	a.site.Note(x, x.Clock(), "late", "group "+key+" is closed; sent to "+a.late.Name)
	return nil
}

// fired is run by a group's timer: the group goes on as it is.
func (a *aggregator) fired(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	m, err := x.Doc()
	if err != nil {
		return err
	}
	key := m.Get("key").Str()
	id := a.site.Where + " " + key
	x.Serialize(kindGroup, id)
	g, err := readGroup(ctx, x, id)
	if err != nil || g.Closed || g.Size == 0 || g.ID != m.Get("group").Str() {
		return err
	}
	if a.due(g).After(x.Now()) { // members came since, or the configuration gives it more time by now
		a.setTimer(x, g, key)
		return nil
	}
	members, err := g.members(ctx, x)
	if err != nil {
		return err
	}
	return a.goOn(ctx, x, g, key, members, false, next)
}

// due is when the group's time is over: idle after the last member, timeout after the first, whichever is earlier.
func (a *aggregator) due(g *group) time.Time {
	due := g.First.Add(a.timeout)
	if t := g.Last.Add(a.idle); a.timeout == 0 || a.idle > 0 && t.Before(due) {
		due = t
	}
	return due
}

// setTimer puts the group's one timer.
func (a *aggregator) setTimer(x *hub.Exchange, g *group, key string) {
	if a.timer == "" {
		return
	}
	m := &hub.Message{
		ID:          g.derive("timer"),
		Correlation: g.Correlation,
		Time:        x.Now(),
		Trace:       x.Msg.Trace,
		Body: hub.DocumentBody(doc.ObjectOf([]doc.Field{
			{Name: "key", Value: doc.StringValue(key)}, {Name: "group", Value: doc.StringValue(g.ID)}})),
	}
	a.putTimer(x, hub.Put{Queue: a.timer, Name: hub.HashID(g.name), Msg: m, Due: a.due(g)})
}

func (a *aggregator) dropTimer(x *hub.Exchange, g *group) {
	if a.timer != "" {
		a.putTimer(x, hub.Put{Queue: a.timer, Name: hub.HashID(g.name), Cancel: true})
	}
}

// putTimer keeps one put per timer in the unit, however many members one unit brings.
func (a *aggregator) putTimer(x *hub.Exchange, p hub.Put) {
	for i := len(x.Unit.Puts) - 1; i >= 0; i-- {
		if have := &x.Unit.Puts[i]; have.Queue == p.Queue && have.Name == p.Name {
			*have = p
			return
		}
	}
	x.Unit.Puts = append(x.Unit.Puts, p)
}
