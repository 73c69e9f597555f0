package matrix

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// drained is how long after the healing everything must have arrived.
const drained = 30 * time.Second

// patience is how much longer is waited, to tell late from lost.
const patience = 60 * time.Second

// form is how much is tried.
type form struct {
	messages   int
	hold, down time.Duration // how long a fault lasts
	quick      bool          // a cell per target and three faults a cell, else all
}

func formOf(t testing.TB, name string) form {
	switch name {
	case "full":
		return form{2000, 2500 * time.Millisecond, 5 * time.Second, false}
	case "":
		return form{300, 700 * time.Millisecond, time.Second, true}
	}
	t.Fatalf("HUB_TEST_MATRIX is %q; it can be full", name)
	return form{}
}

// cell is one source with one target.
type cell struct {
	form
	name           string // of what belongs to it at the servers: no other cell, no other run has it
	dir            string
	source, target int
	faults         []fault
	result         *result // nil: it did not run
}

// result is what the table tells of a cell.
type result struct {
	lost, doubled int
	drain         time.Duration // from the healing until the last message arrived
}

func (r *result) String() string {
	if r == nil {
		return "-"
	}
	return fmt.Sprintf("%d/%d/%.1f", r.lost, r.doubled, r.drain.Seconds())
}

// TestMatrix breaks the links of every cell while messages pass through it, and heals them: all must arrive, and soon.
// HUB_TEST_MATRIX=full runs all cells with all faults; HUB_TEST_MATRIX_OUT names a file for the table.
func TestMatrix(t *testing.T) {
	f := formOf(t, os.Getenv("HUB_TEST_MATRIX"))
	cells := f.cells()
	began := time.Now()
	sideBySide(atOnce, cells, func(c *cell) { t.Run(sources[c.source].name+"/"+targets[c.target].name, c.run) })
	text := f.table(cells, time.Since(began))
	t.Log("\n" + text)
	if out := os.Getenv("HUB_TEST_MATRIX_OUT"); out != "" {
		if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// atOnce is how many cells run at a time.
const atOnce = 3

// cells are those that the form tries: all, or one per target, with every source and every fault in one of them.
func (f form) cells() (cells []*cell) {
	all := faults(f.hold, f.down)
	n := len(all)
	for s := range sources {
		for d := range targets {
			if f.quick && d%len(sources) != s {
				continue
			}
			c := &cell{form: f, source: s, target: d, faults: all}
			c.name = fmt.Sprintf("hubmatrix.%d.%d.%d-%d", os.Getpid(), time.Now().UnixMilli(), s, d)
			if f.quick {
				c.faults = []fault{all[d%n], all[(d+2)%n], all[(d+4)%n]}
			}
			cells = append(cells, c)
		}
	}
	return cells
}

func (c *cell) run(t *testing.T) {
	c.dir = t.TempDir()
	out := targets[c.target].make(t, c)
	in := sources[c.source].make(t, c)
	h := startHub(t, c.dir, in, out)
	ids := make([]string, c.messages)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s.%06d", c.name, i)
	}
	links := slices.DeleteFunc([]*link{in.link, out.link}, func(l *link) bool { return l == nil })
	var length time.Duration
	for _, f := range c.faults {
		length += f.hold * time.Duration(len(links))
	}
	fed := feed(t, in, ids, length)
	for _, f := range c.faults {
		for _, l := range links {
			l.suffer(t, f)
		}
	}
	healed := time.Now()
	c.result = &result{}
	var stood time.Duration // the machine stood still for so long, which does not count
	for c.judge(t, out, ids); c.result.lost > 0 && time.Since(healed)-stood < drained+patience; c.judge(t, out, ids) {
		if out.parks {
			h.replay(t)
		}
		const pause = 100 * time.Millisecond
		slept := time.Now()
		time.Sleep(pause)
		stood += time.Since(slept) - pause
	}
	c.result.drain = time.Since(healed) - stood
	report := ""
	if c.result.lost > 0 || c.result.drain > drained {
		report = h.report()
	}
	select {
	case <-fed:
	case <-time.After(drained):
		t.Errorf("the far end of the source has not taken all messages")
	}
	if err := h.stop(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, h.tail())
	}
	missed := c.judge(t, out, ids)
	t.Logf("%d messages: %d lost, %d doubled, drained %.1f s after the healing", len(ids), c.result.lost, c.result.doubled, c.result.drain.Seconds())
	switch {
	case c.result.lost > 0:
		t.Errorf("lost %s\n%s", strings.Join(missed[:min(10, len(missed))], " "), report)
	case c.result.drain > drained:
		t.Errorf("late: all was there only after %s\n%s", c.result.drain.Round(time.Second), report)
	}
}

// judge counts what has arrived, and tells what has not.
func (c *cell) judge(t testing.TB, out target, ids []string) (missed []string) {
	t.Helper()
	got, err := out.count()
	if err != nil {
		t.Logf("can't count: %v", err)
		return ids
	}
	doubled := 0
	for _, id := range ids {
		if got[id] == 0 {
			missed = append(missed, id)
		}
		if got[id] > 1 {
			doubled++
		}
	}
	c.result.lost, c.result.doubled = len(missed), doubled
	return missed
}

// batch is how many messages are put together.
const batch = 20

// feed puts messages at an even pace over a time. fed is closed when all are with the far end.
func feed(t testing.TB, in source, ids []string, length time.Duration) (fed <-chan struct{}) {
	done := make(chan struct{})
	ctx := t.Context()
	pace := length * batch / time.Duration(len(ids))
	go func() {
		defer close(done)
		var group sync.WaitGroup
		defer group.Wait()
		tick := time.NewTicker(max(pace, time.Millisecond))
		defer tick.Stop()
		for some := range slices.Chunk(ids, batch) {
			group.Go(func() {
				for in.put(ctx, some) != nil && ctx.Err() == nil {
					time.Sleep(50 * time.Millisecond)
				}
			})
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return done
}
