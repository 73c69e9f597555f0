package store

import (
	"testing"

	"orderhub/hub"

	"pgregory.net/rapid"
)

// TestPostgresModel holds the store against the model of TestModel. It is
// slower by far, so that it makes fewer checks.
func TestPostgresModel(t *testing.T) {
	url := pgSchema(t)
	openPg(t, url, PostgresOptions{}).Close()
	checks(t, 6)
	rapid.Check(t, func(r *rapid.T) {
		pgExec(t, url, "TRUNCATE messages, records, counters, history, links")
		s := openPg(t, url, PostgresOptions{})
		defer func() { s.Close() }()
		m := &model{records: map[string]string{}, version: map[string]int64{}}
		r.Repeat(map[string]func(*rapid.T){
			"put":     func(r *rapid.T) { m.put(r, s) },
			"claim":   func(r *rapid.T) { m.claim(r, s) },
			"finish":  func(r *rapid.T) { m.finish(r, s) },
			"release": func(r *rapid.T) { m.release(r, s) },
			"settle":  func(r *rapid.T) { m.settle(r, s) },
			"write":   func(r *rapid.T) { m.write(r, s) },
			"":        func(r *rapid.T) { m.compare(r, s) },
			"reopen": func(r *rapid.T) {
				s.Close()
				s = openPg(t, url, PostgresOptions{})
				if err := s.Recover(ctx, nil); err != nil {
					r.Fatal(err)
				}
				for _, row := range m.rows {
					if row.claimed = false; row.state == hub.Held {
						row.state = hub.Ready
					}
				}
			},
		})
	})
}
