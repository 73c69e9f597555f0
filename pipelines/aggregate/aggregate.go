// Package aggregate is the durable Aggregator: messages of one group are kept
// in the store until the group is complete or its time is over; then one
// message goes on for all of them.
package aggregate

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
)

//go:embed README.md
var readme string

// Pattern is the verb `aggregate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "aggregate", Name: "Aggregator", Doc: readme, Keeps: true, Compile: compile,
		Passes: pipelines.PassesFewer.Always}
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
	give          *giver
}

// Process adds the message to its group. Only the message that completes it goes on, as the aggregate.
func (a *aggregator) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	fr := formula.NewFrame(x)
	key, err := a.key(fr)
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
	if g.Closed {
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

func (a *aggregator) key(fr *formula.Frame) (string, error) {
	key, err := a.by.Text(fr)
	if err == nil {
		err = pipelines.CheckKey("group key", key, pipelines.MaxKey)
	}
	return key, err
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
	g.close(x, members, max(closedFor, 2*a.idle))
	if err := a.give.into(x, g, key, bodiesOf(members), complete); err != nil {
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
	err := a.timeIsOver(ctx, x, next)
	if err != nil {
		return a.site.At(err)
	}
	return nil
}

func (a *aggregator) timeIsOver(ctx context.Context, x *hub.Exchange, next hub.Next) error {
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

func notFound(err error) bool { return errors.Is(err, hub.ErrNotFound) }
