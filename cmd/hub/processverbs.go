package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process"
)

// signalInstance tells an instance of an event, by hand.
func (a *admin) signalInstance(_ *http.Request, g *generation, v *process.View, q *actRequest) (*asked, error) {
	known := process.Of(g.plan).Events(v.Process)
	if !slices.Contains(known, q.Event) {
		return nil, newProblem(http.StatusUnprocessableEntity, "unknown_event", "unknown event", "no state of %s takes an event %q%s",
			v.Process, q.Event, words.Meant(q.Event, known, "it takes "+strings.Join(known, ", ")))
	}
	var with doc.Value
	if len(q.With) > 0 {
		var err error
		if with, err = doc.Parse(q.With); err != nil {
			return nil, err
		}
	}
	if err := process.Of(g.plan).FitsEvent(v.Process, q.Event, with); err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, hub.AsError(err).Reason, "unprocessable event", "%v", err)
	}
	id := hub.NewID(a.clock.Now())
	return &asked{
		put:  process.Signal(v.Process, v.ID, id, q.Event, with, a.clock.Now()),
		note: "event " + q.Event + " by hand",
		after: func(_ context.Context, out *actAnswer) error {
			out.Kept = slices.ContainsFunc(out.Instance.Early, func(e process.EarlyEvent) bool { return e.ID == id })
			return nil
		}}, nil
}

// retryInstance makes what failed, or waits for another try, go on now. The
// dead letters of the failed places would ask for the same: they are dropped.
func (a *admin) retryInstance(r *http.Request, _ *generation, v *process.View, _ *actRequest) (*asked, error) {
	if err := begun(v); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(v.Places, func(p process.Place) bool { return p.Phase == process.Failed || !p.Due.IsZero() }) {
		return nil, conflict("nothing_to_retry", "nothing of %s %s failed or waits for another try: it is in %s", v.Process, v.ID, v.State)
	}
	p := process.Retry(v.Process, v.ID, hub.NewID(a.clock.Now()), a.clock.Now())
	replaced, left, err := a.deadOf(r.Context(), p.Queue, v.ID)
	if err != nil {
		return nil, err
	}
	return &asked{put: p, after: func(ctx context.Context, out *actAnswer) (err error) {
		out.Left = left
		if len(replaced) > 0 {
			out.Dropped, err = a.storage.Settle(ctx, replaced, false)
		}
		return err
	}}, nil
}

// deadOf are the dead letters of an instance that drove it, and how many others
// there are: events and timers that failed. What those ask for, a retry does not do.
func (a *admin) deadOf(ctx context.Context, queue, id string) (drivers []int64, others int, err error) {
	q := hub.BrowseQuery{Queue: queue, Correlation: id, State: hub.Dead, Limit: browsePage}
	for page := []*hub.Delivery{nil}; len(page) > 0; {
		if page, err = a.storage.Browse(ctx, q); err != nil {
			return nil, 0, err
		}
		for _, d := range page {
			if q.After = d.Seq; d.Msg != nil && process.Drives(d.Msg) {
				drivers = append(drivers, d.Seq)
			} else {
				others++
			}
		}
	}
	return drivers, others, nil
}

// cancelInstance leads an instance to its compensation.
func (a *admin) cancelInstance(_ *http.Request, _ *generation, v *process.View, q *actRequest) (*asked, error) {
	if err := begun(v); err != nil {
		return nil, err
	}
	if q.Why == "" {
		return nil, newProblem(http.StatusBadRequest, "bad_request", "bad request", "say why: it is kept in the history")
	}
	return &asked{put: process.Cancel(v.Process, v.ID, hub.NewID(a.clock.Now()), q.Why, a.clock.Now())}, nil
}

// moveInstance takes an instance to the newest version, where in_flight says so.
func (a *admin) moveInstance(_ *http.Request, g *generation, v *process.View, _ *actRequest) (*asked, error) {
	if err := begun(v); err != nil {
		return nil, err
	}
	newest := process.Of(g.plan).Definition(v.Process)
	if v.Def == newest.Hash {
		return nil, conflict("newest_version", "%s %s is on the newest version already: %d", v.Process, v.ID, v.Version)
	}
	return &asked{
		put: process.Move(v.Process, v.ID, hub.NewID(a.clock.Now()), a.clock.Now()),
		after: func(_ context.Context, out *actAnswer) error {
			if out.Moved = out.Instance.Def == newest.Hash; !out.Moved {
				return conflict("finishes", "%s %s stays on version %d: write in_flight: {v%d: {move: {…}}} in version %d, and hub reload",
					v.Process, v.ID, v.Version, v.Version, newest.Version)
			}
			return nil
		}}, nil
}

// begun refuses an instance of which only early events are there.
func begun(v *process.View) error {
	if v.Def == "" {
		return conflict("not_started", "%s %s has not started: only events came, which wait for it", v.Process, v.ID)
	}
	return nil
}
