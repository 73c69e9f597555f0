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

// Add gives the events of a trace the bodies before and after their steps. A step that changed something and left no line of its own gets one. text is
// how a body that is no document is told.
func Add(ctx context.Context, st hub.Records, t *api.Trace, text func(hub.Body) json.RawMessage) error {
	type step struct{ span, where, message string }
	first := map[step]int{}
	var runs []api.TraceEvent // one event of each
	for i, e := range t.Events {
		at := step{e.Span, e.Where, e.Message}
		if _, there := first[at]; !there {
			first[at] = i
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
		steps, err := hub.DecodeBodies(r.Value)
		if err != nil {
			return err
		}
		for _, s := range steps {
			i, there := first[step{run.Span, s.Where, s.Message}]
			body := Step(&s, text)
			if !there || t.Events[i].Body != nil {
				if body.Changes == nil && body.After != nil {
					continue
				}
				i = len(t.Events)
				t.Events = append(t.Events, api.TraceEvent{Time: s.Time, Hub: run.Hub, Message: s.Message, Where: s.Where, Line: s.Line, What: "changed",
					Trace: run.Trace, Span: run.Span, Parent: run.Parent})
			}
			t.Events[i].Body = body
		}
	}
	slices.SortStableFunc(t.Events, func(x, y api.TraceEvent) int { return x.Time.Compare(y.Time) })
	return nil
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
	if was, is := doc.Diff(before, after); was.Kind() != doc.Missing || is.Kind() != doc.Missing {
		out.Changes = &api.Changes{Before: raw(was), After: raw(is)}
	}
	return out
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
