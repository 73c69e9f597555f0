package core

import (
	"cmp"
	"context"
	"encoding/hex"
	"math"
	"slices"

	"orderhub/hub"
	"orderhub/hub/store"
)

// historyRows bounds one answer of History.
const historyRows = 10_000

// By is how rows of history are found: by their root, by their correlation, by a root that their events link to, or by the trace that begins with them.
type By int

// The ways to find rows of history.
const (
	ByRoot By = iota
	ByCorrelation
	ByLink
	ByTrace
)

var historySQL = [...]string{
	ByRoot:        "SELECT seq, root, corr, events, time FROM history WHERE root=? ORDER BY seq LIMIT ?",
	ByCorrelation: "SELECT seq, root, corr, events, time FROM history WHERE corr=? ORDER BY seq LIMIT ?",
	ByLink:        "SELECT h.seq, h.root, h.corr, h.events, h.time FROM links l JOIN history h ON h.seq=l.seq WHERE l.root=? ORDER BY h.seq LIMIT ?",
	ByTrace:       findTerm,
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
			if by == ByTrace {
				return l.byTrace(query, id, row)
			}
			return l.historyRows(query, historySQL[by], []any{id, int64(historyRows)}, row)
		})
		return err
	})
	return out, err
}

// byTrace calls row for the rows of a trace: by its term, else by the root that it is made of.
func (l *Look) byTrace(query Query, id string, row func(store.HistoryRow)) error {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != len(hub.TraceID{}) {
		return nil
	}
	found := false
	err := l.byTerm(query, TraceTerm(id), 0, math.MaxInt64, historyRows, func(r store.HistoryRow) { found = true; row(r) })
	if err != nil || found {
		return err
	}
	root, err := rootTraced(query, id)
	if err != nil || root == "" {
		return err
	}
	return l.historyRows(query, historySQL[ByRoot], []any{root, int64(historyRows)}, row)
}

// tracedRows is how many of the newest messages from outside are looked through for the one that a trace's ID is made of.
const tracedRows = 50_000

// rootTraced is the newest message from outside whose ID the trace is made of (hub.TraceOf); "": none.
func rootTraced(query Query, trace string) (root string, err error) {
	err = query("SELECT root FROM history WHERE outside=? ORDER BY seq DESC LIMIT ?", []any{true, int64(tracedRows)}, func(r Row) error {
		if hub.TraceOf(r.Text(0)).String() != trace {
			return nil
		}
		root = r.Text(0)
		return ErrStop
	})
	return root, err
}

// historyRows calls row for each row of history that the statement finds. Places that are not known yet are read in between.
func (l *Look) historyRows(query Query, sql string, args []any, row func(store.HistoryRow)) error {
	var found []Row
	unknown := map[int64]bool{}
	err := query(sql, args, func(r Row) error {
		found = append(found, slices.Clone(r))
		placesIn(r.Bytes(3), func(id int64) {
			if _, ok := l.Places.text(id); !ok {
				unknown[id] = true
			}
		})
		return nil
	})
	for id := range unknown {
		if err == nil {
			err = query("SELECT text FROM places WHERE id=?", []any{id}, func(r Row) error {
				l.Places.learn(Place{id, r.Text(0)})
				return nil
			})
		}
	}
	if err != nil {
		return err
	}
	text := func(id int64) string {
		text, _ := l.Places.text(id)
		return text
	}
	for _, r := range found {
		span, events, err := decodeHistory(r.Bytes(3), r.Int(4), r.Text(1), text)
		if err != nil {
			events = []hub.Event{{What: Corrupt, Detail: err.Error()}}
		}
		row(store.HistoryRow{Seq: r.Int(0), Root: r.Text(1), Correlation: r.Text(2), Span: span, Events: events})
	}
	return nil
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
