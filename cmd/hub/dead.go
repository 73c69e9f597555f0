package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
)

// deadGroup are the dead letters of one cause.
type deadGroup struct {
	Group string    `json:"group"`
	Count int       `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Where string    `json:"where"`
	Class hub.Class `json:"class,omitempty"`
	Cause string    `json:"cause"` // of the newest
}

// deadSelection says which dead letters a call is about: some, a group, or all.
type deadSelection struct {
	Seqs   []int64 `json:"seqs,omitempty"`
	Group  string  `json:"group,omitempty"`
	All    bool    `json:"all,omitempty"`
	DryRun bool    `json:"dry_run,omitempty"`
}

// deadAnswer is what was done, or with dry_run would be.
type deadAnswer struct {
	Count  int            `json:"count"`
	DryRun bool           `json:"dry_run,omitempty"`
	Then   map[string]int `json:"then"` // how many failed under which configuration
	Now    string         `json:"now"`  // the configuration that runs
	Queues map[string]int `json:"queues"`
	First  time.Time      `json:"first,omitzero"`
	Last   time.Time      `json:"last,omitzero"`
}

func (a *admin) deadGroups(r *http.Request) (any, error) {
	groups, err := a.storage.DeadGroups(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]deadGroup, len(groups))
	for i, g := range groups {
		out[i] = deadGroup{Group: g.Cause, Count: g.Count, First: g.First, Last: g.Last}
		if g.Sample != nil && g.Sample.Error != nil {
			out[i].Where, out[i].Class, out[i].Cause = g.Sample.Error.Where, g.Sample.Error.Class, g.Sample.Error.Text()
		}
	}
	return out, nil
}

// dead pages through dead letters: ?group=&id=&seq=&after=&limit=&full=true.
func (a *admin) dead(r *http.Request) (any, error) {
	q := hub.BrowseQuery{State: hub.Dead, Cause: r.FormValue("group"), ID: r.FormValue("id"), Limit: 100}
	for name, to := range map[string]func(int64){"after": func(n int64) { q.After = n }, "limit": func(n int64) { q.Limit = int(min(max(n, 1), 1000)) },
		"seq": func(n int64) { q.After, q.Limit = n-1, 1 }} {
		if text := r.FormValue(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, newProblem(http.StatusBadRequest, "bad_query", "bad query", "%s is no number: %q", name, text)
			}
			to(n)
		}
	}
	list, err := a.storage.Browse(r.Context(), q)
	if err != nil {
		return nil, err
	}
	out := make([]storedMessage, 0, len(list))
	for _, d := range list {
		if seq := r.FormValue("seq"); seq == "" || strconv.FormatInt(d.Seq, 10) == seq {
			m := stored(d)
			if r.FormValue("full") == "true" && d.Msg != nil {
				m.Headers, m.Body = d.Msg.Headers, a.body(d.Msg.Body)
			}
			out = append(out, m)
		}
	}
	return out, nil
}

func (a *admin) replay(r *http.Request) (any, error) { return a.settle(r, true) }
func (a *admin) drop(r *http.Request) (any, error)   { return a.settle(r, false) }

// settle replays or drops what the request selects.
func (a *admin) settle(r *http.Request, replay bool) (any, error) {
	var s deadSelection
	dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_request", "bad request", "the body: %v", err)
	}
	given := 0
	for _, set := range []bool{len(s.Seqs) > 0, s.Group != "", s.All} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, newProblem(http.StatusBadRequest, "bad_request", "bad request", "give one of seqs, group and all")
	}
	g := a.current.Load()
	answer := deadAnswer{DryRun: s.DryRun, Then: map[string]int{}, Now: g.plan.Version, Queues: map[string]int{}}
	seqs, err := a.selected(r.Context(), s, &answer)
	if err != nil {
		return nil, err
	}
	if len(seqs) == 0 {
		return nil, notFound("no dead letter is selected: hub dlq lists them")
	}
	if answer.Count = len(seqs); s.DryRun {
		return answer, nil
	}
	if answer.Count, err = a.storage.Settle(r.Context(), seqs, replay); err != nil {
		return nil, err
	}
	a.current.Load().rt.WakeAll()
	a.log.Info("dead letters", "replayed", replay, "count", answer.Count, "group", s.Group)
	return answer, nil
}

// selected are the sequence numbers of the selection, oldest first.
func (a *admin) selected(ctx context.Context, s deadSelection, answer *deadAnswer) (seqs []int64, err error) {
	q := hub.BrowseQuery{State: hub.Dead, Cause: s.Group, Limit: browsePage}
	slices.Sort(s.Seqs)
	for page := []*hub.Delivery{nil}; len(page) > 0; {
		if len(s.Seqs) > 0 {
			if len(seqs) == len(s.Seqs) {
				break
			}
			q.After, q.Limit = s.Seqs[len(seqs)]-1, 1
		}
		if page, err = a.storage.Browse(ctx, q); err != nil {
			return nil, err
		}
		for _, d := range page {
			if len(s.Seqs) > 0 && d.Seq != s.Seqs[len(seqs)] {
				return nil, notFound("no dead letter %d", s.Seqs[len(seqs)])
			}
			q.After = d.Seq
			seqs = append(seqs, d.Seq)
			answer.add(d)
		}
	}
	if len(seqs) < len(s.Seqs) {
		return nil, notFound("no dead letter %d", s.Seqs[len(seqs)])
	}
	return seqs, nil
}

func (a *deadAnswer) add(d *hub.Delivery) {
	a.Queues[d.Queue]++
	if e := d.Error; e != nil {
		a.Then[e.Config]++
		if a.First.IsZero() || e.Time.Before(a.First) {
			a.First = e.Time
		}
		if e.Time.After(a.Last) {
			a.Last = e.Time
		}
	}
}
