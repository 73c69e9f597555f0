package drivers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"

	"pgregory.net/rapid"
)

// model is the whole duty of messages and records in a few lines.
type model struct {
	rows    []*modelRow // in sequence order
	claims  []*hub.Delivery
	records map[string]string
	version map[string]int64
	n       int
}

type modelRow struct {
	id, name string
	state    hub.State
	due      time.Time
	attempts int
	claimed  bool
}

// checks is how many runs of a model rapid makes, as long as the test runs, unless -rapid.checks says more than rapid's default of 100.
func checks(t *testing.T, n int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if before != flag.Lookup("rapid.checks").DefValue {
		return
	}
	if err := checks.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Set(before); err != nil {
			t.Error(err)
		}
	})
}

var modelBase = time.Now().Add(-time.Hour).UTC().Round(0)

func TestModel(t *testing.T) {
	for name, url := range map[string]func(dir string) string{
		"sqlite": func(dir string) string { return "sqlite:" + filepath.Join(dir, "hub.db") },
		"memory": func(string) string { return "memory:" },
	} {
		t.Run(name, func(t *testing.T) {
			checks(t, 25)
			rapid.Check(t, func(r *rapid.T) {
				u := url(t.TempDir())
				s, err := Open(context.Background(), u, store.Options{RingCount: 5})
				if err != nil {
					r.Fatal(err)
				}
				defer func() { s.Close() }()
				m := &model{records: map[string]string{}, version: map[string]int64{}}
				actions := map[string]func(*rapid.T){
					"put":     func(r *rapid.T) { m.put(r, s) },
					"claim":   func(r *rapid.T) { m.claim(r, s) },
					"finish":  func(r *rapid.T) { m.finish(r, s) },
					"release": func(r *rapid.T) { m.release(r, s) },
					"settle":  func(r *rapid.T) { m.settle(r, s) },
					"write":   func(r *rapid.T) { m.write(r, s) },
					"":        func(r *rapid.T) { m.compare(r, s) },
				}
				if name == "sqlite" {
					actions["reopen"] = func(r *rapid.T) {
						if err := s.Close(); err != nil {
							r.Fatal(err)
						}
						if s, err = Open(context.Background(), u, store.Options{RingCount: 5}); err != nil {
							r.Fatal(err)
						}
						for _, row := range m.rows {
							row.claimed = false
						}
					}
				}
				r.Repeat(actions)
			})
		})
	}
}

// TestPostgresModel holds the store against the model of TestModel. It is
// slower by far, so that it makes fewer checks.
func TestPostgresModel(t *testing.T) {
	url := storetest.PostgresSchema(t)
	open(t, url, store.Options{Log: storetest.StrictLog(t)}).Close()
	checks(t, 6)
	rapid.Check(t, func(r *rapid.T) {
		storetest.PostgresExec(t, url, "TRUNCATE messages, records, counters, history, links, terms")
		s := open(t, url, store.Options{Log: storetest.StrictLog(t)})
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
				s = open(t, url, store.Options{Log: storetest.StrictLog(t)})
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

func (m *model) find(id string) *modelRow {
	for _, r := range m.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (m *model) drop(match func(*modelRow) bool) { m.rows = slices.DeleteFunc(m.rows, match) }

func (m *model) put(r *rapid.T, s store.Store) {
	u := &hub.Unit{}
	woken := modelBase.Add(30*time.Minute + time.Duration(m.n)*time.Millisecond) // behind all that is due besides, in the order of the units
	for range rapid.IntRange(1, 8).Draw(r, "n") {
		m.n++
		p := hub.Put{Queue: "q", Msg: &hub.Message{ID: fmt.Sprint("m", m.n)}}
		row := &modelRow{id: p.Msg.ID, state: hub.Ready}
		switch rapid.IntRange(0, 6).Draw(r, "kind") {
		case 0:
			p.Due = modelBase.Add(time.Duration(rapid.IntRange(0, 100).Draw(r, "due")) * time.Second)
			row.state, row.due = hub.Waiting, p.Due
		case 1:
			p.Due = modelBase.Add(100 * time.Hour)
			row.state, row.due = hub.Waiting, p.Due
		case 2:
			p.Name = rapid.SampledFrom([]string{"n1", "n2"}).Draw(r, "name")
			row.name = p.Name
			m.drop(func(o *modelRow) bool { return o.name == p.Name })
			if p.Cancel = rapid.Bool().Draw(r, "cancel"); p.Cancel {
				row = nil
			}
		case 3:
			p.Name, p.Due = rapid.SampledFrom([]string{"n1", "n2"}).Draw(r, "name"), modelBase.Add(100*time.Hour)
			row.name, row.state, row.due = p.Name, hub.Waiting, p.Due
			m.drop(func(o *modelRow) bool { return o.name == p.Name })
		case 4:
			p.Name, p.Wake, row = rapid.SampledFrom([]string{"n1", "n2"}).Draw(r, "name"), true, nil
			for _, o := range m.rows {
				if o.name == p.Name && o.state == hub.Waiting {
					o.due = woken
				}
			}
		}
		if u.Puts = append(u.Puts, p); row != nil {
			m.rows = append(m.rows, row)
		}
	}
	if err := s.Commit(context.Background(), u); err != nil {
		r.Fatal(err)
	}
}

func (m *model) claim(r *rapid.T, s store.Store) {
	limit := rapid.IntRange(1, 9).Draw(r, "max")
	batch, _, err := s.Claim(context.Background(), "q", limit, time.Hour)
	if err != nil {
		r.Fatal(err)
	}
	var due []*modelRow
	for _, row := range m.rows {
		if row.state == hub.Waiting && !row.claimed && row.due.Before(modelBase.Add(time.Hour)) {
			due = append(due, row)
		}
	}
	at := func(x *modelRow) int { return slices.Index(m.rows, x) }
	slices.SortStableFunc(due, func(a, b *modelRow) int { return a.due.Compare(b.due) })
	want := due[:min(limit, len(due))]
	slices.SortFunc(want, func(a, b *modelRow) int { return at(a) - at(b) })
	for _, row := range m.rows {
		if row.state == hub.Ready && !row.claimed && len(want) < limit {
			want = append(want, row)
		}
	}
	if len(batch) != len(want) {
		r.Fatalf("claimed %d, want %d", len(batch), len(want))
	}
	for i, d := range batch {
		if d.Msg.ID != want[i].id || d.Attempts != want[i].attempts || d.State != want[i].state {
			r.Fatalf("claimed %s %v at %d, want %+v", d.Msg.ID, d.State, i, want[i])
		}
		want[i].claimed = true
	}
	m.claims = append(m.claims, batch...)
}

// finish commits a unit for any claim ever given; stale ones must conflict.
func (m *model) finish(r *rapid.T, s store.Store) {
	if len(m.claims) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.claims)-1).Draw(r, "claim")
	d := m.claims[i]
	valid := m.valid(i)
	m.claims = slices.Delete(m.claims, i, i+1)
	f := hub.Finish{State: rapid.SampledFrom([]hub.State{hub.Done, hub.Ready, hub.Waiting, hub.Held, hub.Dead}).Draw(r, "state")}
	if f.State == hub.Waiting {
		f.Due, f.Tried = modelBase.Add(time.Duration(rapid.IntRange(0, 100).Draw(r, "due"))*time.Second), true
	}
	err := s.Commit(context.Background(), &hub.Unit{Input: d, Finish: f})
	if !valid {
		if !errors.Is(err, hub.ErrConflict) {
			r.Fatalf("a stale claim of %s: %v, want a conflict", d.Msg.ID, err)
		}
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	row := m.find(d.Msg.ID)
	if row.claimed, row.state, row.due = false, f.State, f.Due; f.Tried {
		row.attempts++
	}
	if f.State == hub.Done {
		m.drop(func(o *modelRow) bool { return o == row })
	}
}

// valid tells whether the claim is the newest one of a row that is claimed.
func (m *model) valid(i int) bool {
	row := m.find(m.claims[i].Msg.ID)
	if row == nil || !row.claimed {
		return false
	}
	for _, later := range m.claims[i+1:] {
		if later.Seq == m.claims[i].Seq {
			return false
		}
	}
	return true
}

func (m *model) release(r *rapid.T, s store.Store) {
	var given []*hub.Delivery
	for i, d := range m.claims {
		if rapid.Bool().Draw(r, "release") {
			given = append(given, d)
			if m.valid(i) {
				defer func() { m.find(d.Msg.ID).claimed = false }()
			}
		}
	}
	if err := s.Release(context.Background(), given); err != nil {
		r.Fatal(err)
	}
}

func (m *model) settle(r *rapid.T, s store.Store) {
	dead, err := s.Browse(context.Background(), store.BrowseQuery{State: hub.Dead})
	if err != nil {
		r.Fatal(err)
	}
	replay := rapid.Bool().Draw(r, "replay")
	for _, d := range dead {
		if !rapid.Bool().Draw(r, "settle") {
			continue
		}
		if err := s.Commit(context.Background(), &hub.Unit{Settles: []hub.Settle{{Seq: d.Seq, Replay: replay}}}); err != nil {
			r.Fatal(err)
		}
		row := m.find(d.Msg.ID)
		if row.state, row.attempts = hub.Ready, 0; !replay {
			m.drop(func(o *modelRow) bool { return o == row })
		}
	}
}

func (m *model) write(r *rapid.T, s store.Store) {
	u, valid := &hub.Unit{}, true
	after := map[string]string{}
	for _, key := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(r, "keys")] {
		w := hub.Write{Kind: "k", Key: key, Value: []byte(rapid.StringN(0, 3, -1).Draw(r, "value")),
			IfVersion: rapid.SampledFrom([]int64{0, hub.AnyVersion, m.version[key], m.version[key] + 1}).Draw(r, "version")}
		if rapid.Bool().Draw(r, "delete") {
			w.Value = nil
		}
		valid = valid && (w.IfVersion == hub.AnyVersion || w.IfVersion == m.version[key])
		if u.Writes = append(u.Writes, w); w.Value != nil {
			after[key] = "=" + string(w.Value)
		} else {
			after[key] = ""
		}
	}
	err := s.Commit(context.Background(), u)
	if !valid {
		if !errors.Is(err, hub.ErrConflict) {
			r.Fatalf("%v, want a conflict", err)
		}
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	for key, value := range after {
		rec, err := s.Get(context.Background(), "k", key)
		if m.records[key] = value; value == "" {
			if !errors.Is(err, hub.ErrNotFound) {
				r.Fatalf("deleted record %s: %v", key, err)
			}
		} else if rec.Version == m.version[key] {
			r.Fatal("the version did not change")
		}
		m.version[key] = rec.Version
	}
}

func (m *model) compare(r *rapid.T, s store.Store) {
	list, err := s.Browse(context.Background(), store.BrowseQuery{Limit: 10_000})
	if err != nil || len(list) != len(m.rows) {
		r.Fatalf("%d stored, want %d: %v", len(list), len(m.rows), err)
	}
	counts := map[hub.State]int{}
	for i, d := range list {
		if d.Msg.ID != m.rows[i].id || d.State != m.rows[i].state || d.Attempts != m.rows[i].attempts {
			r.Fatalf("stored %s %v %d, want %+v", d.Msg.ID, d.State, d.Attempts, m.rows[i])
		}
		counts[d.State]++
	}
	st, err := s.Queues(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	if len(st) == 0 {
		st = append(st, store.QueueStats{})
	}
	if st[0].Ready != counts[hub.Ready] || st[0].Waiting != counts[hub.Waiting] || st[0].Held != counts[hub.Held] || st[0].Dead != counts[hub.Dead] {
		r.Fatalf("depths %+v, want %v", st[0], counts)
	}
	for key, value := range m.records {
		if rec, err := s.Get(context.Background(), "k", key); err == nil && "="+string(rec.Value) != value || err != nil && value != "" {
			r.Fatalf("record %s is %q, want %q: %v", key, rec.Value, value, err)
		}
	}
}
