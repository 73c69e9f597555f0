package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines/process"
)

// processNames are the processes that a call is about: the one named, or all.
func processNames(ps *process.Processes, name string) ([]string, error) {
	all := ps.Names()
	switch {
	case len(all) == 0:
		return nil, notFound("this hub has no processes")
	case name == "":
		return all, nil
	case !slices.Contains(all, name):
		return nil, notFound("no process %q%s", name, words.Meant(name, all, "known: "+strings.Join(all, ", ")))
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
	return notFound("no state %q%s", state, words.Meant(state, known, "known: "+strings.Join(known, ", ")))
}

// instance is ?id=, which is PROCESS/ID, or ID alone where that is clear.
func (a *admin) instance(r *http.Request) (any, error) {
	v, err := a.find(r.Context(), process.Of(a.current.Load().plan), r.FormValue("id"))
	if err != nil {
		return nil, err
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
		return nil, notFound("%s: no process %s knows it; hub process list, or hub trace %s", ref, strings.Join(names, ", "), ref)
	case 1:
		return found[0], nil
	}
	refs := make([]string, len(found))
	for i, v := range found {
		refs[i] = v.Process + "/" + v.ID
	}
	return nil, newProblem(http.StatusConflict, "ambiguous", "ambiguous", "several processes have %s: name one of %s", ref, strings.Join(refs, ", "))
}
