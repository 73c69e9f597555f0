package engine

import (
	"testing"
	"time"

	"orderhub/hub"
)

// hanging are tries of a use that answer only when their time is over.
type hanging struct {
	use    *Use
	most   time.Duration // for one try
	tries  []Try
	begun  []time.Time
	failed int
}

// run keeps so many tries under way, and lets those whose time is over fail.
func (g *hanging) run(w *watched, n int) {
	for i := 0; i < len(g.tries); {
		if w.clock.Now().Sub(g.begun[i]) < g.most {
			i++
			continue
		}
		g.tries[i].End(nil, hub.Fail(hub.Timeout, "timeout", "no answer in %s", g.most))
		g.tries, g.begun = append(g.tries[:i], g.tries[i+1:]...), append(g.begun[:i], g.begun[i+1:]...)
		g.failed++
	}
	for len(g.tries) < n {
		g.tries, g.begun = append(g.tries, g.use.Begin()), append(g.begun, w.clock.Now())
	}
}

// answer ends all tries well.
func (g *hanging) answer() {
	for _, t := range g.tries {
		t.End(nil, nil)
	}
	g.tries, g.begun = nil, nil
}

// TestFault_B3_ProbeWhileTriesHang: a locked table. The database answers its probe, and no message waits for it in the store, as each of
// them is being tried. What is being tried tells how it is, and nothing else does.
func TestFault_B3_ProbeWhileTriesHang(t *testing.T) {
	for _, most := range []time.Duration{2 * time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute} {
		w := watchedHealth()
		part := w.Part(PartAdapter, "database")
		part.Use("report", false).Works()
		g := &hanging{use: part.Use("insert", false), most: most}
		probe := func() {
			if there, _ := w.probed(part, nil); there {
				w.trust(part)
			}
		}
		w.pass(10*time.Minute, func() { g.run(w, 8); probe() })
		w.want(t, "locked", 1, 1, 0)
		if g.failed < 8 {
			t.Errorf("%d tries failed in ten minutes", g.failed)
		}
		g.answer()
		w.pass(5*time.Second, probe)
		w.want(t, "no longer locked", 0, 1, 1)
	}
}

// TestFault_V3_HangsLongerThanTheOutage: connections that died hang until their time is over, long after others work again. They tell of
// the outage that is over: neither their silence nor their end is another one.
func TestFault_V3_HangsLongerThanTheOutage(t *testing.T) {
	w := watchedHealth()
	part := w.Part(PartAdapter, "billing")
	charge, refund := part.Use("charge", false), part.Use("refund", false)
	ask := func() { charge.Begin().End(nil, nil) }
	w.pass(time.Minute, ask)
	g, other := &hanging{use: charge, most: time.Minute}, &hanging{use: refund, most: 30 * time.Second}
	w.pass(10*time.Second, func() { g.run(w, 8); other.run(w, 1) })
	w.want(t, "silent", 1, 1, 0)
	other.answer()
	w.pass(5*time.Second, ask)
	w.want(t, "new tries are answered", 0, 1, 1)
	w.pass(10*time.Second, nil) // nobody asks now, but for those that hang
	w.want(t, "those that hang are silent", 0, 1, 1)
	w.pass(2*time.Minute, func() { g.run(w, 0) })
	if g.failed != 8 {
		t.Fatalf("%d tries failed late, want 8", g.failed)
	}
	w.want(t, "those that hung have failed", 0, 1, 1)
	charge.Begin()
	w.pass(30*time.Second, nil) // it took long before: there is more patience with it
	w.want(t, "a new try hangs: that is another outage", 1, 2, 1)
}

// TestFault_V3_OthersWorkWhileOneHangs: there was no way to the far end; now there is one, but the operation that failed is still being
// tried. What works elsewhere says nothing of it: its own answer does.
func TestFault_V3_OthersWorkWhileOneHangs(t *testing.T) {
	w := watchedHealth()
	part := w.Part(PartAdapter, "billing")
	charge, refund := part.Use("charge", false), part.Use("refund", false)
	charge.Begin().End(nil, refused)
	g := &hanging{use: charge, most: 2 * time.Second}
	w.pass(5*time.Minute, func() { g.run(w, 1); refund.Begin().End(nil, nil) })
	w.want(t, "refund works, charge hangs", 1, 1, 0)
	g.answer()
	w.pass(2*time.Second, func() { refund.Begin().End(nil, nil) })
	w.want(t, "charge has answered", 0, 1, 1)
}
