package sql

import (
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// pauses between the tries of a row that the hub could not take.
var pauses = hub.Retry{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// begin hands n rows to handlers: units in their order, as many at the same time as there are workers. It returns when the last has begun.
func (r *run) begin(units []*unit, n int) {
	r.mu.Lock()
	r.taken += n
	r.mu.Unlock()
	for _, u := range units {
		if !r.turn() {
			r.settled(u, len(u.rows)) // given back when Run ends
			continue
		}
		r.group.Go(func() {
			for i := range u.rows {
				if i > 0 && !r.turn() || !r.handle(u.rows[i].msg) || !r.finish(u, i) {
					r.settled(u, len(u.rows)-i)
					return
				}
				r.settled(u, 1)
			}
		})
	}
}

// turn waits for a worker's place; false: Run is ending.
func (r *run) turn() bool {
	select {
	case r.turns <- struct{}{}:
	case <-r.ctx.Done():
		return false
	}
	if r.ctx.Err() != nil {
		<-r.turns
		return false
	}
	return true
}

func (r *run) settled(u *unit, n int) {
	r.mu.Lock()
	u.open -= n
	r.taken -= n
	r.mu.Unlock()
	r.freed.Give()
}

// handle hands m over, again and again while the hub may come to take it; the first time it has a turn.
// false: Run is ending, or the row may be another hub's by now, and it was not taken.
func (r *run) handle(m *hub.Message) bool {
	for try := 1; ; try++ {
		if !r.ours() {
			<-r.turns
			return false
		}
		err := r.handler.Handle(r.work, m)
		<-r.turns
		if err == nil {
			return true
		}
		e := hub.AsError(err)
		if e.Class == hub.Invalid || e.Class == hub.Rejected {
			r.a.env.Log.Error("row refused; it counts as done", "event", e.Reason, "table", r.table,
				"message", m.ID, "class", e.Class, "error", e.Error())
			return true
		}
		if !hub.Pause(r.ctx, r.a.env.Clock, max(e.After, pauses.Delay(try))) || !r.turn() {
			return false
		}
	}
}

// finish runs done for a row that the hub owns, and gives the claim back with the last row of its unit. It is tried until it
// works: what goes wrong with one row holds back its key only. false: Run is ending, or nobody could ever do it.
func (r *run) finish(u *unit, i int) bool {
	for try := 1; ; try++ {
		j := &job{requests: []request{{st: &r.done, body: hub.DocumentBody(u.rows[i].body)}}}
		if i == len(u.rows)-1 {
			j.requests = append(j.requests, r.giveBack(u.name))
		}
		err := r.a.writer.do(r.work, j)
		if err == nil {
			return true
		}
		e := hub.AsError(err)
		if misconfigured(e) || !r.ours() || r.ctx.Err() != nil && try >= lastTries {
			r.fail(hub.About("done", err))
			return false
		}
		if e.Reason == reasonLost || e.Reason == hub.NotConnected {
			r.fail(hub.About("done", err)) // Run ends; what the hub owns is marked all the same
		}
		if !e.Class.Transient() {
			r.a.env.Log.Error("done fails for a row, it is tried again", "event", e.Reason, "table", r.table,
				"message", u.rows[i].msg.ID, "error", e.Error())
		}
		if !hub.Pause(r.ctx, r.a.env.Clock, pauses.Delay(try)) {
			hub.Pause(r.work, r.a.env.Clock, pauses.Min)
		}
	}
}

// lastTries bounds the tries while Run is ending.
const lastTries = 5

// misconfigured tells of an error that all rows would meet.
func misconfigured(e *hub.Error) bool {
	switch e.Reason {
	case reasonSchema, reasonRight, reasonRead, "missing_param":
		return true
	}
	return false
}

// giveBack deletes our claim on a unit.
func (r *run) giveBack(name string) request {
	return request{
		st: &statement{sql: fmt.Sprintf("delete from %s where source = $1 and unit = $2 and owner = $3", r.a.claims.Sanitize()), names: []string{"source", "unit", "owner"}},
		body: hub.DocumentBody(doc.ObjectOf([]doc.Field{{Name: "source", Value: doc.StringValue(r.table)},
			{Name: "unit", Value: doc.StringValue(name)}, {Name: "owner", Value: doc.StringValue(r.owner)}})),
	}
}
