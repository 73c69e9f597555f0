package daemon

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
	"orderhub/pipelines/process"
)

// effectTime is how long a call waits for the effect of what it committed.
const effectTime = time.Second

// asked is what a verb decided to do.
type asked struct {
	put   hub.Put
	drop  []hub.Settle                                  // dead letters that it replaces
	note  string                                        // for the history; "": the process tells it itself
	would *api.Acted                                    // what a dry run tells
	after func(ctx context.Context, a *api.Acted) error // when the process has taken it; may be nil
}

// decision decides what to do for a request, whose instance is v.
type decision func(r *http.Request, g *generation, v *process.View, q *api.ActRequest) (*asked, error)

// act commits what decide makes of a request for an instance that is there, and waits for its effect.
// Before its start, when only events came, it takes further ones (early).
func (a *admin) act(early bool, decide decision) handler[*api.Acted] {
	return func(r *http.Request) (*api.Acted, error) {
		var q api.ActRequest
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		g := a.current.Load()
		v, err := a.steered(r, g, &q, early)
		if err != nil {
			return nil, err
		}
		d, err := decide(r, g, v, &q)
		if err != nil {
			return nil, err
		}
		if q.DryRun {
			return d.would, nil
		}
		u := &hub.Unit{Puts: []hub.Put{d.put}, Settles: d.drop}
		if d.note != "" {
			u.Root, u.Correlation = v.Process+":"+v.ID, v.ID
			u.History = []hub.Event{{Time: a.clock.Now(), Message: d.put.Msg.ID, Where: v.Process, What: "signalled", Detail: d.note}}
		}
		if err := a.commit(r.Context(), u); err != nil {
			return nil, err
		}
		out, err := a.acted(r.Context(), d.put, v.Process, v.ID)
		if err == nil && out.Done && d.after != nil {
			err = d.after(r.Context(), out)
		}
		return out, err
	}
}

// steered is the instance that a request is about, if it may be steered.
func (a *admin) steered(r *http.Request, g *generation, q *api.ActRequest, early bool) (*process.View, error) {
	if q.DryRun && r.URL.Path != api.PostChange.Path {
		return nil, api.BadRequestf("dry_run is for a change of data")
	}
	actOf(r.Context()).On = q.Instance
	v, err := a.find(r.Context(), g.Processes(), q.Instance)
	switch {
	case err != nil:
		return nil, err
	case !v.Closed.IsZero():
		return nil, api.Conflictf("no_process", "%s %s ended in %s at %s", v.Process, v.ID, v.State, v.Closed.Local().Format(time.DateTime))
	case v.Def == "" && !early:
		return nil, api.Conflictf("not_started", "%s %s has not started: only events came, which wait for it", v.Process, v.ID)
	}
	actOf(r.Context()).On = v.Process + "/" + v.ID
	return v, nil
}

// acted waits for the effect of what was committed, and gives the instance after it.
func (a *admin) acted(ctx context.Context, p hub.Put, name, id string) (out *api.Acted, err error) {
	out = &api.Acted{Message: p.Msg.ID}
	if out.Done, err = a.effect(ctx, p); err != nil {
		return nil, err
	}
	out.Instance, err = process.Find(ctx, a.storage, a.processes(), name, id)
	return out, err
}

// effect waits until the process has taken the message. What it refuses is
// told here, and leaves no dead letter: somebody waits for the answer.
func (a *admin) effect(ctx context.Context, p hub.Put) (done bool, err error) {
	limited, cancel := context.WithTimeout(ctx, effectTime)
	defer cancel()
	done, err = a.Until(limited, 5*time.Millisecond, func() (bool, error) {
		left, err := a.storage.Browse(ctx, store.BrowseQuery{Queue: p.Queue, ID: p.Msg.ID, Limit: 1})
		if err != nil || len(left) == 0 {
			return err == nil, err
		}
		d := left[0]
		if d.State != hub.Dead {
			return false, nil
		}
		if err := a.storage.Commit(ctx, &hub.Unit{Settles: []hub.Settle{{Seq: d.Seq}}}); err != nil {
			return false, err
		}
		return false, api.Conflictf(d.Error.Reason, "%s", d.Error.Text())
	})
	return done, cmp.Or(err, ctx.Err())
}

// signal tells an instance of an event, by hand.
func (a *admin) signal(_ *http.Request, g *generation, v *process.View, q *api.ActRequest) (*asked, error) {
	known := g.Processes().Events(v.Process)
	if !slices.Contains(known, q.Event) {
		return nil, api.Problemf(http.StatusUnprocessableEntity, "unknown_event", "unknown event", "no state of %s takes an event %q%s",
			v.Process, q.Event, words.Meant(q.Event, known, "it takes "+strings.Join(known, ", ")))
	}
	var with doc.Value
	if len(q.With) > 0 {
		var err error
		if with, err = doc.Parse(q.With); err != nil {
			return nil, err
		}
	}
	if err := g.Processes().FitsEvent(v.Process, q.Event, with); err != nil {
		return nil, api.Problemf(http.StatusUnprocessableEntity, hub.AsError(err).Reason, "unprocessable event", "%v", err)
	}
	id := hub.NewID(a.clock.Now())
	return &asked{
		put:  process.Signal(v.Process, v.ID, id, q.Event, with, a.clock.Now()),
		note: "event " + q.Event + " by hand",
		after: func(_ context.Context, out *api.Acted) error {
			out.Kept = slices.ContainsFunc(out.Instance.Early, func(e process.EarlyEvent) bool { return e.ID == id })
			return nil
		}}, nil
}

// retry makes what failed, or waits for another try, go on now. The
// dead letters of the failed places would ask for the same: they are dropped.
func (a *admin) retry(r *http.Request, _ *generation, v *process.View, _ *api.ActRequest) (*asked, error) {
	if !slices.ContainsFunc(v.Places, func(p process.Place) bool { return p.Phase == process.Failed || !p.Due.IsZero() }) {
		return nil, api.Conflictf("nothing_to_retry", "nothing of %s %s failed or waits for another try: it is in %s", v.Process, v.ID, v.State)
	}
	p := process.Retry(v.Process, v.ID, hub.NewID(a.clock.Now()), a.clock.Now())
	replaced, left, err := a.deadOf(r.Context(), p.Queue, v.ID)
	if err != nil {
		return nil, err
	}
	return &asked{put: p, drop: replaced, after: func(_ context.Context, out *api.Acted) error {
		out.Left, out.Dropped = left, len(replaced)
		return nil
	}}, nil
}

// deadOf are the dead letters of an instance that drove it, and how many others
// there are: events and timers that failed. What those ask for, a retry does not do.
func (a *admin) deadOf(ctx context.Context, queue, id string) (drivers []hub.Settle, others int, err error) {
	err = browse(ctx, a.storage, store.BrowseQuery{Queue: queue, Correlation: id, State: hub.Dead}, func(d *hub.Delivery) {
		if d.Msg != nil && process.Drives(d.Msg) {
			drivers = append(drivers, hub.Settle{Seq: d.Seq})
		} else {
			others++
		}
	})
	return drivers, others, err
}

// cancel leads an instance to its compensation.
func (a *admin) cancel(r *http.Request, _ *generation, v *process.View, _ *api.ActRequest) (*asked, error) {
	why := actOf(r.Context()).Why
	if why == "" {
		return nil, api.BadQueryf("say why: it is kept in the history")
	}
	return &asked{put: process.Cancel(v.Process, v.ID, hub.NewID(a.clock.Now()), why, a.clock.Now())}, nil
}

// move takes an instance to the newest version, where in_flight says so.
func (a *admin) move(_ *http.Request, g *generation, v *process.View, _ *api.ActRequest) (*asked, error) {
	newest := g.Processes().Definition(v.Process)
	if v.Def == newest.Hash {
		return nil, api.Conflictf("newest_version", "%s %s is on the newest version already: %d", v.Process, v.ID, v.Version)
	}
	return &asked{
		put: process.Move(v.Process, v.ID, hub.NewID(a.clock.Now()), a.clock.Now()),
		after: func(_ context.Context, out *api.Acted) error {
			if out.Moved = out.Instance.Def == newest.Hash; !out.Moved {
				return api.Conflictf("finishes", "%s %s stays on version %d: write in_flight: {v%d: {move: {…}}} in version %d, and hub reload",
					v.Process, v.ID, v.Version, v.Version, newest.Version)
			}
			return nil
		}}, nil
}
