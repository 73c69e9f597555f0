package core

import (
	"cmp"
	"context"
	"slices"

	"orderhub/hub/store"
)

// historyRows bounds one answer of History.
const historyRows = 10_000

// By is how rows of history are found: by their root, by their correlation, or by a root that their events link to.
type By int

// The ways to find rows of history.
const (
	ByRoot By = iota
	ByCorrelation
	ByLink
)

var historySQL = [...]string{
	ByRoot:        "SELECT seq, root, corr, events FROM history WHERE root=? ORDER BY seq LIMIT ?",
	ByCorrelation: "SELECT seq, root, corr, events FROM history WHERE corr=? ORDER BY seq LIMIT ?",
	ByLink:        "SELECT h.seq, h.root, h.corr, h.events FROM links l JOIN history h ON h.seq=l.seq WHERE l.root=? ORDER BY h.seq LIMIT ?",
}

// History is all that is known of a root or a correlation, and of what is connected with it: at most 10,000 rows, oldest
// first. "last" is the newest root that came from outside.
func (l *Look) History(ctx context.Context, id string) (out []store.HistoryRow, err error) {
	err = l.Read(ctx, func(query Query) error {
		out = nil
		if id == "last" {
			root := ""
			err := query("SELECT root FROM history WHERE outside=? ORDER BY seq DESC LIMIT 1", []any{true}, func(r Row) error {
				root = r.Text(0)
				return nil
			})
			if err != nil || root == "" {
				return err
			}
			id = root
		}
		out, err = Trace(id, func(by By, id string, row func(store.HistoryRow)) error {
			return query(historySQL[by], []any{id, int64(historyRows)}, func(r Row) error {
				row(rowOf(r))
				return nil
			})
		})
		return err
	})
	return out, err
}

// Trace follows roots, correlations and links from id on. find calls row for each row of history that it finds.
func Trace(id string, find func(by By, id string, row func(store.HistoryRow)) error) ([]store.HistoryRow, error) {
	rows := map[int64]bool{}
	var out []store.HistoryRow
	seen, todo := map[string]bool{"": true, id: true}, []string{id}
	visit := func(id string) {
		if !seen[id] {
			seen[id] = true
			todo = append(todo, id)
		}
	}
	take := func(r store.HistoryRow) {
		if rows[r.Seq] || len(out) == historyRows {
			return
		}
		rows[r.Seq] = true
		out = append(out, r)
		visit(r.Root)
		visit(r.Correlation)
		for _, e := range r.Events {
			for _, link := range e.Links {
				visit(link)
			}
		}
	}
	for len(todo) > 0 && len(out) < historyRows {
		next := todo[0]
		todo = todo[1:]
		for by := range By(len(historySQL)) {
			if err := find(by, next, take); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out, func(a, b store.HistoryRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return out, nil
}
