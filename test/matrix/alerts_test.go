package matrix

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"orderhub/hub/hubtest"
)

// scrape is how often Prometheus looks (deploy/prometheus/prometheus.yml).
const scrape = 15 * time.Second

// TestAlerts_OutagesAreToldOnce: an outage is in the metrics at the next scrape, and in `hub alerts`; it raises its alert once and clears it once, however often
// the hub (on SQLite), or two hubs on one store (PostgreSQL), start anew meanwhile.
func TestAlerts_OutagesAreToldOnce(t *testing.T) {
	if _, err := hubtest.Binary(); err != nil {
		t.Fatal(err)
	}
	refused := func() outage {
		return ofCharges("billing refused", func(_ testing.TB, s *service) { s.link.down() }, func(t testing.TB, s *service) { s.link.up(t) })
	}
	all := []told{{outage: refused(), hubs: 1}}
	for _, o := range []outage{
		refused(),
		ofCharges("billing 503", func(_ testing.TB, s *service) { s.refuses.Store(true) }, func(_ testing.TB, s *service) { s.refuses.Store(false) }),
		ofCharges("billing slow", func(_ testing.TB, s *service) { s.link.infect(&toxics.TimeoutToxic{}) }, func(_ testing.TB, s *service) { s.link.infect(&toxics.NoopToxic{}) }),
		{"mail server away", filesSource, func(t testing.TB, c *cell) target { return mailTarget(t, c, &atomic.Bool{}) }, down, up},
		{"PostgreSQL away", filesSource, sqlTarget, down, up},
		{"RabbitMQ away", filesSource, amqpTarget, down, up},
		{"Kafka away", filesSource, kafkaTarget, down, up},
	} {
		all = append(all, told{outage: o, hubs: 2})
	}
	const few = 4 // of hubs twice as many, which start again and again
	sideBySide(few, all, func(o told) {
		o.rule, o.seen = `not up("out")`, `hub_up{kind="adapter",part="out"} 0`
		t.Run(fmt.Sprintf("%s, hubs %d", o.name, o.hubs), o.once)
	})
}

// TestAlerts_FullDiskIsToldOnce is the same for the disk that the store lies on. One that is full to the last byte keeps no message, and lets no hub start: `hub alerts`,
// the metrics, /readyz and the log tell of it, and the alert is told as soon as there is any room, also when all is well by then.
func TestAlerts_FullDiskIsToldOnce(t *testing.T) {
	if _, err := hubtest.Binary(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"for long", "for a moment"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, fill := "", ""
			o := &told{rule: "not ready()", seen: "hub_ready 0", hubs: 1, disk: &disk}
			o.outage = outage{"disk full", filesSource, filesTarget, func(t testing.TB, _ *link) { fill = hubtest.Fill(t, disk) }, func(t testing.TB, _ *link) {
				if err := os.Remove(fill); err != nil {
					t.Fatal(err)
				}
			}}
			w := o.watch(t)
			w.begins(t)
			if states := alerts(t, w.told); len(states) > 0 {
				t.Errorf("the store kept what tells of %v", states)
			}
			if name == "for long" {
				h := w.hubs[0]
				if err := h.stop(); err != nil {
					t.Error(err)
				}
				var code *exec.ExitError
				if text, err := h.verb("run", "--no-stubs", filepath.Join(h.dir, "pipelines.yaml")); !errors.As(err, &code) || code.ExitCode() != 74 || !strings.Contains(text, "full") {
					t.Errorf("a hub starts: %v\n%s", err, text)
				}
				info, err := os.Stat(fill)
				if err == nil {
					err = os.Truncate(fill, info.Size()-600<<10) // less than the reserve is free then: a twentieth of 24 MB
				}
				if err != nil {
					t.Fatal(err)
				}
				w.hubs[0] = w.start(0)
				w.restarts(t)
			}
			w.ends(t)
		})
	}
}

// told is an outage that an alert tells of.
type told struct {
	outage
	rule, seen string  // of the alert; the line of the metrics
	hubs       int     // on one store: in PostgreSQL, or in SQLite for one alone
	disk       *string // where the store lies, which the outage fills; nil: no matter
}

func (o *told) once(t *testing.T) {
	w := o.watch(t)
	w.begins(t)
	w.restarts(t)
	w.ends(t)
}

// watched are hubs that tell of an outage.
type watched struct {
	o     *told
	c     *cell
	in    source
	out   target
	told  string   // the folder that messages of the alert come to
	ids   []string // of the message before the outage, and of the one in it
	start func(i int) *hub
	hubs  []*hub
}

// watch starts the hubs, which then have handled a message.
func (o *told) watch(t *testing.T) *watched {
	t.Helper()
	c := &cell{form: form{messages: 2}, dir: t.TempDir(), name: fmt.Sprintf("hubalert.%d.%d", os.Getpid(), lastOutage.Add(1)), result: &result{}}
	w := &watched{o: o, c: c, out: o.out(t, c), in: o.in(t, c), told: filepath.Join(c.dir, "told"), ids: []string{c.name + ".1", c.name + ".2"}}
	if err := os.Mkdir(w.told, 0o700); err != nil {
		t.Fatal(err)
	}
	yaml := fmt.Sprintf(configuration, w.in.adapter, w.out.adapter+fmt.Sprintf("\n  told: {type: files, dir: %q}", w.told), w.in.from, "", w.out.step, "soon") +
		"alerts:\n  away: {when: " + o.rule + ", hold: 5s, send: {told: \"{id}.json\"}}\n"
	var env []string
	switch {
	case o.disk != nil:
		*o.disk = hubtest.SmallDisk(t, c.dir)
		env = []string{"HUB_STORE=sqlite:" + filepath.Join(*o.disk, "hub.db")}
	case o.hubs > 1:
		d := newDatabase(t, c, "_store")
		d.exec(t, "drop table messages") // it is a target's
		env = []string{"HUB_STORE=" + d.pool.Config().ConnString()}
	}
	w.start = func(i int) *hub {
		dir := filepath.Join(c.dir, fmt.Sprint("hub", i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return runHub(t, dir, yaml, env...)
	}
	for i := range o.hubs {
		w.hubs = append(w.hubs, w.start(i))
	}
	w.put(t, 0)
	w.await(t, "the first arrives", time.Minute, func() bool { return len(c.judge(t, w.out, w.ids[:1])) == 0 })
	return w
}

func (w *watched) put(t *testing.T, i int) {
	t.Helper()
	if err := w.in.put(t.Context(), w.ids[i:i+1]); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) await(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	w.hubs[0].awaits(t, what, within, ok)
}

// begins begins the outage, which is seen.
func (w *watched) begins(t *testing.T) {
	t.Helper()
	w.o.away(t, w.out.link)
	w.put(t, 1)
	w.await(t, "it is in the metrics", scrape, func() bool {
		return slices.ContainsFunc(w.hubs, func(h *hub) bool { return strings.Contains(string(h.get(t, "/metrics")), w.o.seen) })
	})
	w.await(t, "hub alerts tells", time.Minute, func() bool { text, _ := w.hubs[0].verb("alerts"); return strings.Contains(text, "firing") })
}

// restarts starts the hubs anew, three times, after the alert is told.
func (w *watched) restarts(t *testing.T) {
	t.Helper()
	w.await(t, "the alert is told", time.Minute, func() bool { return len(alerts(t, w.told)) > 0 })
	for range 3 {
		for i, h := range w.hubs {
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
			w.hubs[i] = w.start(i)
			looked := time.Now().Add(12 * time.Second / time.Duration(len(w.hubs))) // one look at the start, one after it
			w.await(t, "two looks", time.Minute, func() bool { return time.Now().After(looked) })
		}
	}
}

// ends ends the outage: nothing was lost, and two messages told of it.
func (w *watched) ends(t *testing.T) {
	t.Helper()
	w.o.there(t, w.out.link)
	w.await(t, "all arrive", drained, func() bool { return len(w.c.judge(t, w.out, w.ids)) == 0 })
	w.await(t, "the end is told", time.Minute, func() bool { return slices.Contains(alerts(t, w.told), "cleared") })
	for _, h := range w.hubs {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}
	if got := alerts(t, w.told); !slices.Equal(got, []string{"raised", "cleared"}) {
		t.Errorf("told: %v\n%s", got, w.hubs[0].tail())
	}
}

// alerts are the states that were told, in their order.
func alerts(t testing.TB, dir string) (states []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	type message struct{ State, At string }
	var all []message
	for _, f := range files {
		raw, err := os.ReadFile(f)
		var m message
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b message) int { // both may be of one second
		return cmp.Or(strings.Compare(a.At, b.At), -strings.Compare(a.State, b.State))
	})
	for _, m := range all {
		states = append(states, m.State)
	}
	return states
}
