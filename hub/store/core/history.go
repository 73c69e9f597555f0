package core

import (
	"context"
	"slices"

	"orderhub/hub"
)

// historyRows bounds one answer of History.
const HistoryRows = 10_000

var HistoryQueries = [...]string{
	"SELECT seq, root, corr, events FROM history WHERE root=? ORDER BY seq LIMIT ?",
	"SELECT seq, root, corr, events FROM history WHERE corr=? ORDER BY seq LIMIT ?",
	"SELECT h.seq, h.root, h.corr, h.events FROM links JOIN history h USING(seq) WHERE links.root=? ORDER BY seq LIMIT ?",
}

// trace follows roots, correlations and links from id on.
func Trace(ctx context.Context, id string, query func(ctx context.Context, sql, id string, row func(hub.HistoryRow)) error) ([]hub.HistoryRow, error) {
	rows := map[int64]hub.HistoryRow{}
	seen, todo := map[string]bool{id: true}, []string{id}
	visit := func(id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			todo = append(todo, id)
		}
	}
	for len(todo) > 0 && len(rows) < HistoryRows {
		next := todo[0]
		todo = todo[1:]
		for _, sql := range HistoryQueries {
			err := query(ctx, sql, next, func(r hub.HistoryRow) {
				if _, known := rows[r.Seq]; known || len(rows) == HistoryRows {
					return
				}
				rows[r.Seq] = r
				visit(r.Root)
				visit(r.Correlation)
				for _, e := range r.Events {
					for _, l := range e.Links {
						visit(l)
					}
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	out := make([]hub.HistoryRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b hub.HistoryRow) int { return int(a.Seq - b.Seq) })
	return out, nil
}
