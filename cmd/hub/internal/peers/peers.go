// Package peers follows an order through this hub and others: what each of them knows of it becomes one timeline.
package peers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/pipelines"
)

const (
	patience = 2 * time.Second // for all that the other hubs are asked
	maxIDs   = 64              // that hubs are asked for: orders, messages and traces that belong together
)

// Hub is one that is asked. Ask gives all that it knows of the IDs together, or a Problem with the status 404.
type Hub struct {
	Name string
	Ask  func(ctx context.Context, ids []string) (*api.Trace, error)
}

// Of is the hub of a `peers:` entry.
func Of(name string, p pipelines.Peer) Hub {
	client := api.NewRemote(p.URL, p.Token.Reveal(), nil, nil)
	return Hub{name, func(ctx context.Context, ids []string) (*api.Trace, error) {
		t, _, err := api.GetTrace.Ask(ctx, client, url.Values{"id": ids}, nil)
		return t, err
	}}
}

// Trace asks the hubs, of which the first is this one, for what they know of the ID, and for what belongs to it by what they
// answer, until nothing new comes up. What can't be asked is told in the trace. The error is that of this hub; it is
// a Problem with the status 404 where no hub knows anything.
func Trace(ctx context.Context, id string, hubs []Hub) (*api.Trace, error) {
	first, err := hubs[0].Ask(ctx, []string{id})
	if unknown := isUnknown(err); err != nil && !unknown || unknown && id == api.Last {
		return nil, err
	}
	ids := []string{id}
	if id == api.Last {
		ids = first.Roots
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, faults := make([]*api.Trace, len(hubs)), make([]error, len(hubs))
	if err == nil {
		found[0] = first
	}
	asked := 0
	for ids = known(ids, found); asked < min(len(ids), maxIDs); ids = known(ids, found) {
		asked = min(len(ids), maxIDs)
		var wait sync.WaitGroup
		for i, h := range hubs {
			if faults[i] == nil {
				wait.Go(func() { faults[i] = ask(limited, h, ids[:asked], &found[i]) })
			}
		}
		wait.Wait()
	}
	t := join(id, hubs, found, faults)
	if len(ids) > maxIDs {
		t.Unasked = append(t.Unasked, api.Unasked{Why: "more orders and traces belong to it than hubs are asked for: ask for one of them"})
	}
	if slices.ContainsFunc(found, func(t *api.Trace) bool { return t != nil }) {
		return t, nil
	}
	text := err.Error()
	for _, u := range t.Unasked {
		text += "\nnot asked: " + u.Hub + ": " + u.Why
	}
	return nil, api.NotFoundf("%s", text)
}

// ask asks one hub. One that knows nothing has no fault; what one with a fault said before stays.
func ask(ctx context.Context, h Hub, ids []string, found **api.Trace) error {
	t, err := h.Ask(ctx, ids)
	switch {
	case err == nil:
		*found = t
	case isUnknown(err):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %s", patience)
	}
	return err
}

func isUnknown(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Status == http.StatusNotFound && p.Code == api.CodeNotFound
}

// known are ids and the orders and traces that were found.
func known(ids []string, found []*api.Trace) []string {
	ids = slices.Clone(ids)
	for _, t := range found {
		if t == nil {
			continue
		}
		for _, id := range slices.Concat(t.Traces, t.Correlations) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// join makes one trace of what the hubs know.
func join(id string, hubs []Hub, found []*api.Trace, faults []error) *api.Trace {
	out := &api.Trace{ID: id, Roots: []string{}, Events: []api.TraceEvent{}}
	for i, t := range found {
		if faults[i] != nil {
			out.Unasked = append(out.Unasked, api.Unasked{Hub: hubs[i].Name, Why: faults[i].Error()})
		}
		if t == nil {
			continue
		}
		out.State = later(out.State, t.State)
		out.Roots, out.Correlations, out.Traces = union(out.Roots, t.Roots), union(out.Correlations, t.Correlations), union(out.Traces, t.Traces)
		for _, e := range t.Events {
			e.Hub = hubs[i].Name
			out.Events = append(out.Events, e)
		}
		for _, s := range t.Stored {
			s.Hub = hubs[i].Name
			out.Stored = append(out.Stored, s)
		}
		out.Refused, out.Instances = append(out.Refused, t.Refused...), append(out.Instances, t.Instances...)
	}
	out.State = cmp.Or(out.State, api.Done)
	slices.SortStableFunc(out.Events, func(x, y api.TraceEvent) int { return x.Time.Compare(y.Time) })
	return out
}

// later is the state of a trace that one hub says to be in x, and another in y: what is under way goes before what
// is dead, that before the state of an instance, and that before what is done.
func later(x, y string) string {
	rank := func(state string) int {
		order := []string{"", api.Refused, api.Done, "", api.Dead, api.Moving}
		if i := slices.Index(order, state); i >= 0 {
			return i
		}
		return 3 // of an instance
	}
	if rank(y) > rank(x) {
		return y
	}
	return x
}

func union(x, y []string) []string {
	for _, s := range y {
		if !slices.Contains(x, s) {
			x = append(x, s)
		}
	}
	return x
}
