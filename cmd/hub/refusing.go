package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"orderhub/hub"
)

// refused lists refusals, newest first: ?id=&source=&reason=&order=&before=&limit=.
func (a *admin) refused(r *http.Request) (any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_query", "bad query", "%v", err)
	}
	return refusedOf(r.Context(), a.upToDate(), r.Form)
}

func (a *admin) refusedCounts(r *http.Request) (any, error) {
	return hub.CountRefused(r.Context(), a.upToDate())
}

// refusedOf are the refusals that a query selects.
func refusedOf(ctx context.Context, st hub.RefusalReader, v url.Values) ([]hub.Refusal, error) {
	q := hub.RefusalQuery{ID: v.Get("id"), Source: v.Get("source"), Reason: v.Get("reason"), Correlation: v.Get("order")}
	for name, to := range map[string]func(int64){"before": func(n int64) { q.Before = n }, "limit": func(n int64) { q.Limit = int(min(max(n, 1), hub.MaxRefusals)) }} {
		if text := v.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, newProblem(http.StatusBadRequest, "bad_query", "bad query", "%s is no number: %q", name, text)
			}
			to(n)
		}
	}
	list, err := st.Refusals(ctx, q)
	return append([]hub.Refusal{}, list...), err
}

// upToDate is the store, with what was refused up to now.
func (a *admin) upToDate() hub.Store {
	a.current.Load().rt.WriteRefused()
	return a.storage
}

// refusedAfter is the ID of the newest refusal, if it came after the message of rows; else "".
func refusedAfter(ctx context.Context, st hub.RefusalReader, rows []hub.HistoryRow) (string, error) {
	newest, err := st.Refusals(ctx, hub.RefusalQuery{Limit: 1})
	if err != nil || len(newest) == 0 {
		return "", err
	}
	if len(rows) > 0 && len(rows[0].Events) > 0 && !newest[0].Time.After(rows[0].Events[0].Time) {
		return "", nil
	}
	return newest[0].ID, nil
}

const tracedRefusals = 20 // of one ID or correlation

// findRefusals adds what was refused of the ID, or of one of the correlations.
func (v *traceView) findRefusals(ctx context.Context, st hub.RefusalReader) error {
	queries := []hub.RefusalQuery{{ID: v.ID}, {Correlation: v.ID}}
	for _, c := range v.Correlations[:min(len(v.Correlations), 8)] {
		if c != v.ID {
			queries = append(queries, hub.RefusalQuery{Correlation: c})
		}
	}
	seen := map[int64]bool{}
	for _, q := range queries {
		q.Limit = tracedRefusals
		list, err := st.Refusals(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range list {
			if !seen[r.Seq] {
				seen[r.Seq] = true
				v.Refused = append(v.Refused, r)
			}
		}
	}
	return nil
}
