package aggregate

import (
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

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
		ID:          hub.DeriveID((&hub.Message{ID: g.ID}).Root(), "timer."+hub.HashID(g.name + " " + g.ID)[:12]),
		Correlation: g.Correlation,
		Time:        x.Now(),
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
