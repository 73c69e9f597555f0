package daemon

import (
	"context"
	"net/http"
	"net/url"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/store"
)

// browsePage is how many stored messages are read at once.
const browsePage = 500

// browse calls each with the stored messages that q selects, in their order.
func browse(ctx context.Context, st store.Reader, q store.BrowseQuery, each func(d *hub.Delivery)) error {
	for q.Limit = browsePage; ; {
		page, err := st.Browse(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page {
			q.After = d.Seq
			each(d)
		}
		if len(page) < browsePage {
			return nil
		}
	}
}

func (a *admin) deadGroups(r *http.Request) ([]api.DeadGroup, error) {
	groups, err := a.storage.DeadGroups(r.Context())
	if err != nil {
		return nil, err
	}
	out := make([]api.DeadGroup, len(groups))
	for i, g := range groups {
		out[i] = api.DeadGroup{Group: g.Cause, Count: g.Count, First: g.First, Last: g.Last}
		if g.Sample != nil && g.Sample.Error != nil {
			f := g.Sample.Error
			out[i].Where, out[i].Line, out[i].Class, out[i].Cause = f.Where, f.Line, f.Class, f.Text()
		}
	}
	return out, nil
}

// dead pages through dead letters: ?group=&id=&seq=&after=&limit=&full=true.
func (a *admin) dead(r *http.Request) ([]api.Stored, error) {
	query := r.URL.Query()
	q := store.BrowseQuery{State: hub.Dead, Cause: query.Get("group"), ID: query.Get("id")}
	var err error
	if q.Limit, err = limit(query, 100, 1000); err != nil {
		return nil, err
	}
	if q.After, err = number(query, "after", 0); err != nil {
		return nil, err
	}
	seq, err := number(query, "seq", 0)
	if err != nil {
		return nil, err
	}
	if seq != 0 {
		q.After, q.Limit = seq-1, 1
	}
	list, err := a.storage.Browse(r.Context(), q)
	if err != nil {
		return nil, err
	}
	out := make([]api.Stored, 0, len(list))
	for _, d := range list {
		if seq != 0 && d.Seq != seq {
			continue
		}
		m := api.StoredOf(d)
		if query.Get("full") == "true" && d.Msg != nil {
			m.Headers, m.Body = d.Msg.Headers, a.body(d.Msg.Body)
		}
		out = append(out, m)
	}
	return out, nil
}

func addDead(a *api.Settled, d *hub.Delivery) {
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

func (a *admin) refusals(r *http.Request) ([]hub.Refusal, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, api.BadQueryf("%v", err)
	}
	return Refusals(r.Context(), a.upToDate(), query)
}

func (a *admin) refusedCounts(r *http.Request) ([]store.RefusalCount, error) {
	return store.CountRefused(r.Context(), a.upToDate())
}

// Refusals are the refusals of a store that a query selects, newest first: ?id=&source=&reason=&order=&before=&limit=. With ?full=true it shows the beginning of what came.
func Refusals(ctx context.Context, st store.Reader, query url.Values) ([]hub.Refusal, error) {
	q := store.RefusalQuery{ID: query.Get("id"), Source: query.Get("source"), Reason: query.Get("reason"), Correlation: query.Get("order")}
	var err error
	if q.Before, err = number(query, "before", 0); err != nil {
		return nil, err
	}
	if q.Limit, err = limit(query, 100, store.MaxRefusals); err != nil {
		return nil, err
	}
	list, err := st.Refusals(ctx, q)
	list = append([]hub.Refusal{}, list...)
	if query.Get("full") != "true" {
		hideBeginnings(list)
	}
	return list, err
}

func hideBeginnings(list []hub.Refusal) {
	for i := range list {
		list[i].Begins = ""
	}
}

// upToDate is the store, with what was refused, and what passed through, up to now.
func (d *Daemon) upToDate() store.Store {
	d.current.Load().rt.WriteNotes()
	return d.storage
}
