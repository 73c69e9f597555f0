package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"orderhub/hub"
	"orderhub/pipelines/process"
)

// instanceList is a page of the instances of processes.
type instanceList struct {
	Instances []*process.View `json:"instances"` // without their data
	Next      string          `json:"next,omitempty"`
	More      bool            `json:"more"` // there are more than these
}

// scanInstances is how many instances one page looks at.
const scanInstances = 20_000

// instances pages through instances: ?process=&state=&stuck=true&early=true&after=&limit=.
// Without a state those that have not ended are meant.
func (a *admin) instances(r *http.Request) (any, error) {
	ps := process.Of(a.current.Load().plan)
	names, err := processNames(ps, r.FormValue("process"))
	if err != nil {
		return nil, err
	}
	limit := 100
	if text := r.FormValue("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return nil, newProblem(http.StatusBadRequest, "bad_query", "bad query", "limit is no number above 0: %q", text)
		}
	}
	state := r.FormValue("state")
	if err := knownState(ps, names, state); err != nil {
		return nil, err
	}
	early := r.FormValue("early") == "true"
	keep := func(v *process.View) bool {
		at := state == "" && v.Closed.IsZero() || slices.ContainsFunc(v.Places, func(p process.Place) bool { return p.State == state })
		return at && (!early || len(v.Early) > 0)
	}
	list := lister(a.listed)
	if r.FormValue("stuck") == "true" {
		list = a.stuck
	}
	out := instanceList{Instances: []*process.View{}}
	for _, name := range names {
		found, next, err := list(r.Context(), ps, name, r.FormValue("after"), min(limit, 1000)-len(out.Instances), keep)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			v.Data = nil
			out.Instances = append(out.Instances, v)
		}
		if out.More = out.More || next != ""; len(names) == 1 {
			out.Next = next
		}
	}
	return out, nil
}

// lister gives up to limit instances of a process that keep chooses, behind after, and where to go on.
type lister func(ctx context.Context, ps *process.Processes, name, after string, limit int, keep func(*process.View) bool) ([]*process.View, string, error)

func (a *admin) listed(ctx context.Context, ps *process.Processes, name, after string, limit int, keep func(*process.View) bool) ([]*process.View, string, error) {
	if limit < 1 { // the page is full: are there more?
		more, _, err := process.List(ctx, a.storage, ps, name, "", 1, scanInstances, keep)
		if len(more) == 0 {
			return nil, "", err
		}
		return nil, more[0].ID, err
	}
	return process.List(ctx, a.storage, ps, name, after, limit, scanInstances, keep)
}

// stuck lists the instances with a place that failed, by the records of those places.
func (a *admin) stuck(ctx context.Context, ps *process.Processes, name, after string, limit int, keep func(*process.View) bool) (out []*process.View, next string, err error) {
	places, err := process.AllStuck(ctx, a.storage, name, maxStuck)
	if err != nil {
		return nil, "", err
	}
	seen := map[string]bool{}
	for _, p := range places {
		if seen[p.Instance] || after != "" && p.Instance <= after {
			continue
		}
		seen[p.Instance] = true
		v, err := process.Find(ctx, a.storage, ps, name, p.Instance)
		switch {
		case errors.Is(err, hub.ErrNotFound): // it went on meanwhile, and is forgotten already
		case err != nil:
			return nil, "", err
		case keep(v) && len(out) >= limit:
			return out, last(out), nil
		case keep(v):
			out = append(out, v)
		}
	}
	return out, "", nil
}

// last is the ID to page on from.
func last(page []*process.View) string {
	if len(page) == 0 {
		return "-"
	}
	return page[len(page)-1].ID
}

// maxStuck bounds how many failed places of a process are looked at.
const maxStuck = 1000
