package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// How many instances one page looks at, and how many failed places of a process.
const (
	scanInstances = 10_000
	maxStuck      = 1000
)

// instances pages through instances: ?process=&state=&older=&stuck=true&early=true&after=&limit=.
// Without a state those that have not ended are meant.
func (a *admin) instances(r *http.Request) (*api.Instances, error) {
	ps := a.processes()
	names, err := processNames(ps, r.FormValue("process"))
	if err != nil {
		return nil, err
	}
	most := 100
	if text := r.FormValue("limit"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 1 {
			return nil, api.BadQueryf("limit is no number above 0: %q", text)
		}
	}
	state := r.FormValue("state")
	if err := knownState(ps, names, state); err != nil {
		return nil, err
	}
	before, err := a.before("older", r.FormValue("older"))
	if err != nil {
		return nil, err
	}
	early := r.FormValue("early") == "true"
	keep := func(v *process.View) bool { return stands(v, state, before) && (!early || len(v.Early) > 0) }
	list := a.listed
	if r.FormValue("stuck") == "true" {
		list = a.stuck
	}
	l := listing{processes: ps, after: r.FormValue("after"), keep: keep}
	out := &api.Instances{Instances: []*process.View{}}
	for _, name := range names {
		l.name, l.limit = name, min(most, 1000)-len(out.Instances)
		found, next, err := list(r.Context(), l)
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

// stands tells that the instance is in the state, "": in any and has not ended, since a time before; zero: whenever it came there.
func stands(v *process.View, state string, before time.Time) bool {
	if state == "" && (!v.Closed.IsZero() || before.IsZero()) {
		return v.Closed.IsZero()
	}
	return slices.ContainsFunc(v.Places, func(p process.Place) bool {
		return (state == "" || p.State == state) && (before.IsZero() || p.Since.Before(before))
	})
}

// listing asks for up to limit instances of the process name that keep chooses, behind the ID after.
type listing struct {
	processes   *process.Processes
	name, after string
	limit       int
	keep        func(*process.View) bool
}

// listed gives a page, and where to go on; "": there are no more.
func (a *admin) listed(ctx context.Context, l listing) (page []*process.View, next string, err error) {
	page, next, err = process.List(ctx, a.storage, l.processes, l.name, l.after, max(l.limit, 1), scanInstances, l.keep)
	if l.limit < 1 && len(page) > 0 { // the page is full, and there are more
		return nil, page[0].ID, err
	}
	return page, next, err
}

// stuck is listed of the instances with a place that failed, by the records of those places.
func (a *admin) stuck(ctx context.Context, l listing) (out []*process.View, next string, err error) {
	places, err := process.AllStuck(ctx, a.storage, l.name, maxStuck)
	if err != nil {
		return nil, "", err
	}
	seen := map[string]bool{}
	for _, p := range places {
		if seen[p.Instance] || l.after != "" && p.Instance <= l.after {
			continue
		}
		seen[p.Instance] = true
		v, err := process.Find(ctx, a.storage, l.processes, l.name, p.Instance)
		switch {
		case errors.Is(err, hub.ErrNotFound): // it went on meanwhile, and is forgotten already
		case err != nil:
			return nil, "", err
		case l.keep(v) && len(out) >= l.limit:
			return out, lastOf(out), nil
		case l.keep(v):
			out = append(out, v)
		}
	}
	return out, "", nil
}

// lastOf is the ID to page on from.
func lastOf(page []*process.View) string {
	if len(page) == 0 {
		return "-"
	}
	return page[len(page)-1].ID
}

// processes are those of the configuration that runs.
func (a *admin) processes() *process.Processes { return a.current.Load().Processes() }

// processNames are the processes that a call is about: the one named, or all.
func processNames(ps *process.Processes, name string) ([]string, error) {
	all := ps.Names()
	switch {
	case len(all) == 0:
		return nil, api.NotFoundf("this hub has no processes")
	case name == "":
		return all, nil
	case !slices.Contains(all, name):
		return nil, api.NotFoundf("no process %q%s", name, words.Meant(name, all, "known: "+strings.Join(all, ", ")))
	}
	return []string{name}, nil
}

func knownState(ps *process.Processes, names []string, state string) error {
	var known []string
	for _, name := range names {
		known = append(known, ps.States(name)...)
	}
	if state == "" || slices.Contains(known, state) {
		return nil
	}
	return api.NotFoundf("no state %q%s", state, words.Meant(state, known, "known: "+strings.Join(known, ", ")))
}

// instance is ?id=, which is PROCESS/ID, or ID alone where that is clear; with ?full=true its data as well.
func (a *admin) instance(r *http.Request) (*process.View, error) {
	v, err := a.find(r.Context(), a.processes(), r.FormValue("id"))
	if err != nil {
		return nil, err
	}
	if r.FormValue("full") != "true" {
		v.Data = nil
	}
	for _, p := range v.Places {
		if p.Task == nil {
			continue
		}
		if k, err := process.FindTask(r.Context(), a.storage, p.Task.ID); err == nil {
			p.Task.Group = k.Group // it may have been handed over
		}
	}
	return v, nil
}

// find finds the instance that people name.
func (a *admin) find(ctx context.Context, ps *process.Processes, ref string) (*process.View, error) {
	names, err := processNames(ps, "")
	if err != nil {
		return nil, err
	}
	if name, id, ok := strings.Cut(ref, "/"); ok && slices.Contains(names, name) {
		names, ref = []string{name}, id
	}
	var found []*process.View
	for _, name := range names {
		v, err := process.Find(ctx, a.storage, ps, name, ref)
		if errors.Is(err, hub.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	switch len(found) {
	case 0:
		return nil, api.NotFoundf("%s: no process %s knows it; hub process list, or hub trace %s", ref, strings.Join(names, ", "), ref)
	case 1:
		return found[0], nil
	}
	refs := pipelines.Names(found, func(v *process.View) string { return v.Process + "/" + v.ID })
	return nil, api.Problemf(http.StatusConflict, "ambiguous", "ambiguous", "several processes have %s: name one of %s", ref, strings.Join(refs, ", "))
}
