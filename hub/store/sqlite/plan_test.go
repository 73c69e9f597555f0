package sqlite

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

// Look-ups of what is named go by indexes: none reads a table, or an index of it, from end to end.
func TestPlans(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	u := &hub.Unit{Root: "r", Correlation: "c", Terms: []int64{1}, History: []hub.Event{{Message: "r", What: "received", Links: []string{"l"}}}}
	if err := s.Commit(ctx, u); err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`^SCAN (t|h|l|m|messages|history|terms|links|refused)\b`)
	seen := map[string]bool{}
	l := s.Look
	l.Read = func(ctx context.Context, f func(query core.Query) error) error {
		return s.look(ctx, func(query core.Query) error {
			return f(func(sql string, args []any, row func(core.Row) error) error {
				seen[sql] = true
				if err := query("EXPLAIN QUERY PLAN "+sql, args, func(r core.Row) error {
					if whole.MatchString(r.Text(3)) {
						t.Errorf("%s\n%s", sql, r.Text(3))
					}
					return nil
				}); err != nil {
					return err
				}
				return query(sql, args, row)
			})
		})
	}
	for _, id := range []string{"r", u.Span.Trace.String()} {
		if rows, err := l.History(ctx, id); err != nil || len(rows) != 1 {
			t.Error(id, rows, err)
		}
	}
	if rows, err := l.Find(ctx, store.FindQuery{Terms: []int64{1}, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}); err != nil || len(rows) != 1 {
		t.Error(rows, err)
	}
	for _, q := range []store.BrowseQuery{{ID: "r"}, {Root: "r"}, {Correlation: "c"}, {Root: "r", Queue: "q"}, {ID: "r", State: hub.Dead}, {Queue: "q", State: hub.Ready}} {
		if _, err := l.Browse(ctx, q); err != nil {
			t.Error(q, err)
		}
	}
	for _, q := range []store.RefusalQuery{{ID: "r"}, {Correlation: "c"}} {
		if _, err := l.Refusals(ctx, q); err != nil {
			t.Error(q, err)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d statements were looked at", len(seen))
	}
}
