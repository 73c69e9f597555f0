package daemon

import (
	"context"
	"net/http"
	"net/url"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
)

func (a *admin) refusals(r *http.Request) ([]hub.Refusal, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, api.BadQueryf("%v", err)
	}
	return Refusals(r.Context(), a.upToDate(), query)
}

func (a *admin) refusedCounts(r *http.Request) ([]hub.RefusalCount, error) {
	return hub.CountRefused(r.Context(), a.upToDate())
}

// Refusals are the refusals of a store that a query selects, newest first: ?id=&source=&reason=&order=&before=&limit=.
func Refusals(ctx context.Context, st hub.RefusalReader, query url.Values) ([]hub.Refusal, error) {
	q := hub.RefusalQuery{ID: query.Get("id"), Source: query.Get("source"), Reason: query.Get("reason"), Correlation: query.Get("order")}
	var err error
	if q.Before, err = number(query, "before", 0); err != nil {
		return nil, err
	}
	if q.Limit, err = limit(query, 100, hub.MaxRefusals); err != nil {
		return nil, err
	}
	list, err := st.Refusals(ctx, q)
	return append([]hub.Refusal{}, list...), err
}

// upToDate is the store, with what was refused up to now.
func (d *Daemon) upToDate() hub.Store {
	d.current.Load().rt.WriteRefused()
	return d.storage
}
