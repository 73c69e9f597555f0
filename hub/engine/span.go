package engine

import (
	"time"

	"orderhub/hub"
)

// enter begins a run that handles m. What is made of m, in the hub and outside, carries the run's span.
func (rt *Runtime) enter(m *hub.Message) (in *hub.Message, at hub.Span, began time.Time) {
	var sample func(hub.TraceID) bool
	if rt.observer != nil {
		sample = rt.observer.Sample
	}
	in, at = m.Begin(sample)
	return in, at, rt.clock.Now()
}

// ends tells the observer, if there is one, of the run of x, which began at began, took so long and ended with err.
func (rt *Runtime) ends(s *Stage, d *hub.Delivery, x *hub.Exchange, began time.Time, took time.Duration, err error) {
	if rt.observer == nil || !x.Unit.Span.Sampled {
		return
	}
	r := &hub.EndedRun{Span: x.Unit.Span, Name: s.Name, Kind: hub.SpanConsumer, Start: began, End: began.Add(took), Message: x.Msg.ID, Correlation: x.Msg.Correlation,
		Adapter: s.Adapter, Events: append(x.Past, x.Unit.History...), Err: err}
	if d != nil {
		r.Message, r.Queue, r.Adapter, r.Attempts = d.Msg.ID, d.Queue, "", d.Attempts
	} else if s.Answers {
		r.Kind = hub.SpanServer
	}
	rt.observer.Ended(r)
}
