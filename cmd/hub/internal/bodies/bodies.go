// Package bodies adds to a trace what its steps did to the bodies of messages, where that was kept.
package bodies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/doc"
)

// Add gives the events of a trace the bodies before and after their steps. A step that changed something and left no line of its own
// gets one. text is how a body that is no document is told.
func Add(ctx context.Context, st hub.Records, t *api.Trace, text func(hub.Body) json.RawMessage) error {
	a := &adding{t, map[step]int{}}
	var runs []api.TraceEvent // one event of each
	for i, e := range t.Events {
		at := step{e.Span, e.Where, e.Message}
		if _, there := a.first[at]; !there {
			a.first[at] = i
		}
		if !slices.ContainsFunc(runs, func(r api.TraceEvent) bool { return r.Span == e.Span }) {
			runs = append(runs, e)
		}
	}
	for _, run := range runs {
		r, err := st.Get(ctx, hub.BodiesKind, run.Span)
		if errors.Is(err, hub.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		steps, answers, err := hub.DecodeBodies(r.Value)
		if err != nil {
			return err
		}
		for i := range steps {
			a.add(run, &steps[i], Step(&steps[i], text))
		}
		for _, k := range answers {
			if i, there := a.first[step{run.Span, k.Where, k.Message}]; there {
				a.Events[i].Answers = append(a.Events[i].Answers, api.Answer{Status: k.Headers.Get(hub.HeaderStatus),
					Headers: k.Headers, Body: told(k.Body, text), Asked: api.Asking{Body: told(k.Asked, text)}})
			}
		}
	}
	slices.SortStableFunc(t.Events, func(x, y api.TraceEvent) int { return x.Time.Compare(y.Time) })
	return nil
}

// step is what a step of a run is known by.
type step struct{ span, where, message string }

type adding struct {
	*api.Trace
	first map[step]int // index of the first event of each step
}

// add gives the body to the event of the step, or to a new one. run is an event of the same run.
func (a *adding) add(run api.TraceEvent, s *hub.StepBody, b *api.StepBody) {
	i, there := a.first[step{run.Span, s.Where, s.Message}]
	if there && a.Events[i].Body == nil {
		a.Events[i].Body = b
	} else if b.Changes != nil || b.After == nil {
		a.Events = append(a.Events, api.TraceEvent{Time: s.Time, Hub: run.Hub, Message: s.Message, Where: s.Where, Line: s.Line, What: "changed",
			Trace: run.Trace, Span: run.Span, Parent: run.Parent, Body: b})
	}
}

// Step is the body before and after a step, and what the step changed in it.
func Step(s *hub.StepBody, text func(hub.Body) json.RawMessage) *api.StepBody {
	out := &api.StepBody{Before: told(s.Before, text)}
	if s.After == nil {
		return out
	}
	out.After = told(s.After, text)
	before, _ := doc.Parse(out.Before) // an empty body is missing
	after, _ := doc.Parse(out.After)
	out.Changes = changes(before, after)
	return out
}

// Between is what was changed from one document to another, without the rest of them.
func Between(before, after doc.Value) *api.StepBody {
	return &api.StepBody{Changes: changes(before, after)}
}

func changes(before, after doc.Value) *api.Changes {
	was, is := doc.Diff(before, after)
	if was.Kind() == doc.Missing && is.Kind() == doc.Missing {
		return nil
	}
	return &api.Changes{Before: raw(was), After: raw(is)}
}

func raw(v doc.Value) json.RawMessage {
	if v.Kind() == doc.Missing {
		return nil
	}
	return v.JSON()
}

func told(k *hub.KeptBody, text func(hub.Body) json.RawMessage) json.RawMessage {
	switch {
	case k == nil:
		return nil
	case k.Bytes == nil && k.Size > 0:
		raw, _ := json.Marshal(fmt.Sprintf("[%d bytes: too large to be kept]", k.Size)) // of a text: never fails
		return raw
	}
	return text(hub.NewBody(k.Bytes))
}
