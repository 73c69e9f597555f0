package engine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// setClock is a clock that the test sets.
type setClock struct {
	hub.RealClock
	mu  sync.Mutex
	now time.Time
}

func (c *setClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// watched is a Health whose time and log the test has.
type watched struct {
	*Health
	clock *setClock
	log   bytes.Buffer
}

func watchedHealth() *watched {
	w := &watched{clock: &setClock{now: time.Unix(1_800_000_000, 0)}}
	w.Health = NewHealth(w.clock, slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return w
}

// pass lets time go by, with a look at the parts every quarter of a second, and do in between.
func (w *watched) pass(d time.Duration, do func()) {
	for range int(d / lookEvery) {
		w.clock.mu.Lock()
		w.clock.now = w.clock.now.Add(lookEvery)
		w.clock.mu.Unlock()
		if do != nil {
			do()
		}
		w.look()
	}
}

// lines counts what the log says at a level.
func (w *watched) lines(level string) int { return strings.Count(w.log.String(), "level="+level) }

func (w *watched) want(t *testing.T, what string, outages, warned, over int) {
	t.Helper()
	if o, x, y := len(w.Outages()), w.lines("WARN"), w.lines("INFO"); o != outages || x != warned || y != over {
		t.Fatalf("%s: %d outages, %d warnings, %d times over; want %d, %d, %d\n%s", what, o, x, y, outages, warned, over, w.log.String())
	}
}

var refused = hub.Fail(hub.Unavailable, "connection", "connection refused")

// TestFault_V3_OneLinePerCause: a thousand messages meet one outage: one line when it begins, one when it is over.
func TestFault_V3_OneLinePerCause(t *testing.T) {
	w := watchedHealth()
	part := w.Part(PartAdapter, "billing")
	charge, refund := part.Use("charge", false), part.Use("refund", false)
	ask := func(u *Use, err error) { _ = u.Begin().End(&hub.Message{}, err) }
	ask(charge, nil)
	good := w.clock.Now()
	w.pass(time.Second, func() { ask(refund, nil) })
	w.want(t, "all is well", 0, 0, 0)
	began := w.clock.Now()
	w.pass(2*time.Minute, func() { ask(charge, refused); ask(refund, refused) })
	w.want(t, "away", 1, 1, 0)
	o := w.Outages()[0]
	if o.Name != "billing" || len(o.Uses) != 2 || o.Failed != 960 || o.Since.Sub(began) > time.Second || o.Success.Before(good) || o.Error != "connection refused" || o.Class != hub.Unavailable {
		t.Errorf("%+v", o)
	}
	w.pass(time.Second/2, func() { ask(refund, nil) })
	w.want(t, "for a moment only", 1, 1, 0)
	w.pass(2*time.Second, func() { ask(refund, nil) })
	w.want(t, "back, also for the one that was not asked: there is a way again", 0, 1, 1)
	if !strings.Contains(w.log.String(), `msg="adapter works again" adapter=billing after=2m`) || !strings.Contains(w.log.String(), "failed=960") {
		t.Error(w.log.String())
	}
}

// What only some operations meet is over when they work, not when others do.
func TestOneOperationFails(t *testing.T) {
	w := watchedHealth()
	part := w.Part(PartAdapter, "billing")
	charge, refund := part.Use("charge", false), part.Use("refund", false)
	charge.Begin().End(nil, hub.Fail(hub.Unavailable, "http_503", "answered 503"))
	w.pass(time.Minute, refund.Works)
	w.want(t, "refund works", 1, 1, 0)
	if uses := w.Outages()[0].Uses; len(uses) != 1 || uses[0] != "charge" {
		t.Errorf("%v", uses)
	}
	w.pass(2*time.Second, charge.Works)
	w.want(t, "charge works", 0, 1, 1)
	w.pass(2*time.Minute, nil)
	refund.Begin().End(nil, refused)
	if uses := w.Outages()[0].Uses; len(uses) != 1 || uses[0] != "refund" {
		t.Errorf("the next outage has %v", uses)
	}
}

// What says nothing of the far end is no outage: it answered, or was not asked for reasons of our own.
func TestNoOutage(t *testing.T) {
	w := watchedHealth()
	u := w.Part(PartAdapter, "billing").Use("charge", false)
	for _, err := range []error{hub.Fail(hub.Rejected, "http_402", "declined"), hub.Fail(hub.Invalid, "missing_param", "no id"), hub.Fail(hub.Throttled, "throttled", "our own pace"),
		hub.Fail(hub.Unavailable, "stopping", "we stop"), errors.New("a bug")} {
		if got := u.Begin().End(&hub.Message{}, err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	w.pass(time.Minute, nil)
	w.want(t, "no outage", 0, 0, 0)
	e := hub.AsError(u.Begin().End(&hub.Message{}, fmt.Errorf("charge: %w", refused)))
	if e.Part != "billing" || e.Awaits() != "billing" {
		t.Errorf("%+v", e)
	}
	if e := hub.AsError(u.Begin().End(&hub.Message{}, hub.Fail(hub.Timeout, hub.Ambiguous, "no answer after the dot"))); e.Awaits() != "" {
		t.Error("what may have been done is tried early")
	}
}

// TestFault_V3_ComesAndGoes: one in a hundred times out, all day: not a line for each.
func TestFault_V3_ComesAndGoes(t *testing.T) {
	w := watchedHealth()
	u := w.Part(PartAdapter, "billing").Use("charge", false)
	n := 0
	w.pass(time.Hour, func() {
		for range 10 {
			if n++; n%100 == 0 {
				u.Begin().End(nil, hub.Fail(hub.Timeout, "timeout", "no answer in 5s"))
			} else {
				u.Works()
			}
		}
	})
	if warned := w.lines("WARN"); warned > 10 {
		t.Errorf("%d warnings in an hour", warned)
	}
	w.pass(2*time.Minute, u.Works)
	w.want(t, "it is over", 0, w.lines("WARN"), w.lines("WARN"))
}

// TestFault_V3_Silence: who answers nobody is told of before the callers give up; who is slow by nature is told of once.
func TestFault_V3_Silence(t *testing.T) {
	w := watchedHealth()
	u := w.Part(PartAdapter, "report").Use("run", false)
	w.pass(time.Minute, nil)
	try := u.Begin()
	w.pass(2*time.Second, nil)
	w.want(t, "patient", 0, 0, 0)
	w.pass(1500*time.Millisecond, nil)
	w.want(t, "silent", 1, 1, 0)
	if o := w.Outages()[0]; o.Reason != noAnswer || o.Error != "no answer for 3s" || o.Failed != 1 {
		t.Errorf("%+v", o)
	}
	w.pass(5*time.Second, nil)
	try.End(nil, nil)
	w.pass(5*time.Second, nil)
	w.want(t, "answered", 0, 1, 1)
	for range 5 { // it takes 8 s, as before
		try = u.Begin()
		w.pass(8*time.Second, nil)
		try.End(nil, nil)
		w.pass(time.Minute, nil)
	}
	w.want(t, "slow by nature", 0, 1, 1)
	for range 100 { // a busy one that answers is never silent
		try = u.Begin()
		w.pass(500*time.Millisecond, func() { u.Begin().End(nil, nil) })
		try.End(nil, nil)
	}
	w.want(t, "busy", 0, 1, 1)
}

// A probe's word ends an outage that nobody waits for, once; when it is wrong, only success counts.
func TestProbeIsTrustedOnce(t *testing.T) {
	w := watchedHealth()
	p := w.Part(PartAdapter, "catalog")
	u := p.Use("product", false)
	probe := func() {
		if there, _ := w.probed(p, nil); there {
			w.trust(p)
		}
	}
	u.Begin().End(nil, refused)
	w.pass(4*time.Second, probe)
	w.want(t, "the probe says well", 0, 1, 1)
	u.Begin().End(nil, refused)
	w.pass(time.Minute, probe)
	w.want(t, "it was wrong", 1, 2, 1)
	w.pass(3*time.Second, u.Works)
	w.want(t, "it works", 0, 2, 2)
}

// Trials cost no attempt in the beginning, and grow rare when the probe is well and messages fail.
func TestTrials(t *testing.T) {
	w := watchedHealth()
	p := w.Part(PartAdapter, "billing")
	u := p.Use("charge", false)
	u.Begin().End(nil, hub.Fail(hub.Unavailable, "http_503", "answered 503"))
	trials, free := 0, 0
	each := func() {
		if _, trial := w.probed(p, nil); trial {
			trials++
			e := hub.AsError(u.Begin().End(nil, hub.Fail(hub.Unavailable, "http_503", "answered 503")))
			if _, _, counts := hub.DefaultRetry.Next(e, 3, hub.DefaultRetry.Delay); !counts {
				free++
			}
			e = hub.AsError(u.Begin().End(nil, hub.Fail(hub.Unavailable, "http_503", "answered 503")))
			if _, _, counts := hub.DefaultRetry.Next(e, 3, hub.DefaultRetry.Delay); !counts {
				t.Fatal("what was no trial cost no attempt")
			}
		}
	}
	w.pass(freeTrials-time.Second, each)
	if free != trials || trials < 250 || trials > 350 {
		t.Errorf("%d trials in 10 min, %d of them free", trials, free)
	}
	trials, free = 0, 0
	w.pass(time.Hour, each)
	if free > 1 || trials > 130 || trials < 100 {
		t.Errorf("%d trials in the hour after, %d of them free", trials, free)
	}
}

// A part that leaves the configuration takes its outage with it.
func TestRetain(t *testing.T) {
	w := watchedHealth()
	w.Part(PartAdapter, "old").Use("x", false).Fails(refused)
	w.Part(PartAdapter, "new").Use("x", false).Fails(refused)
	w.Retain([]string{"new"}, nil)
	if o := w.Outages(); len(o) != 1 || o[0].Name != "new" {
		t.Errorf("%+v", o)
	}
}

// BenchmarkHealth is what a success costs.
func BenchmarkHealth(b *testing.B) {
	u := NewHealth(hub.RealClock{}, slog.New(slog.DiscardHandler)).Part(PartAdapter, "a").Use("x", false)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = u.Begin().End(nil, nil)
		}
	})
}
