package engine

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
)

// Outage is why a part does not work.
type Outage struct {
	Kind    string    `json:"kind"`           // adapter, store, queue
	Name    string    `json:"name"`           // of the part
	Uses    []string  `json:"uses,omitempty"` // what of it fails: an operation, a target, a source
	Since   time.Time `json:"since"`
	Class   hub.Class `json:"class"`
	Reason  string    `json:"reason"`
	Error   string    `json:"error"`                 // the last one, in one short line
	Last    time.Time `json:"last"`                  // when that was
	Success time.Time `json:"last_success,omitzero"` // the last one before
	Failed  int64     `json:"failed"`                // how often it failed
	Next    time.Time `json:"next_try,omitzero"`     // no try before, as far as the part says
}

const (
	quietFirst = time.Second
	quietMost  = time.Minute
	probeEvery = time.Second
	trialMost  = 30 * time.Second
	trialFree  = 2 * time.Second
	freeTrials = 10 * time.Minute // of an outage: longer, and a message that only itself makes the part fail would never be a dead letter
)

const (
	notTried = "not_tried" // Reason of a part for which messages wait since an earlier run
	noAnswer = "no_answer" // Reason of a part that was asked and answers nobody
)

// isOutage tells that e says something of the part that gave it, not of the message, and not of ourselves.
func isOutage(e *hub.Error) bool {
	switch e.Reason {
	case hub.ReasonStopping, hub.ReasonConflict, "throttled", "busy": // the hub stops; our own bounds
		return false
	}
	return e.Class.Transient()
}

// away tells that there was no way to the far end: nothing of the part works then.
func away(e *hub.Error) bool {
	switch e.Reason {
	case "connection", "connection_lost", "connect", notTried:
		return true
	}
	return e.Untried()
}

// briefly is an error in one short line.
func briefly(e *hub.Error) string {
	text := []rune(strings.Join(strings.Fields(e.Logged()), " "))
	if len(text) > 300 {
		text = append(text[:300], '…')
	}
	return string(text)
}

// open begins an outage. Health.mu is held, as in what follows.
func (p *Part) open(e *hub.Error, now time.Time) {
	if now.Sub(p.ended) < time.Minute { // it comes and goes
		p.quiet = min(2*p.quiet, quietMost)
	} else {
		p.quiet = quietFirst
	}
	p.doubted = p.trusted && now.Sub(p.ended) < time.Minute
	p.trusted, p.next, p.trial, p.pause = false, now.Add(probeEvery), now, probeEvery
	p.outage = &Outage{Kind: p.kind, Name: p.name, Since: now, Success: p.success()}
	p.log(slog.LevelWarn, "fails", "class", e.Class, "reason", e.Reason, "error", briefly(e))
}

func (p *Part) log(level slog.Level, what string, args ...any) {
	if p.name != "" {
		args = append([]any{p.kind, p.name}, args...)
	}
	p.h.log.Log(context.Background(), level, p.kind+" "+what, args...)
}

// success is when the part worked last; zero: never yet.
func (p *Part) success() (last time.Time) {
	for _, u := range p.uses {
		if n := u.good.Load(); n > 0 && n > last.UnixNano() {
			last = time.Unix(0, n)
		}
	}
	return last
}

// close ends the outage.
func (p *Part) close(now time.Time, how string) {
	o := p.outage
	p.log(slog.LevelInfo, how, "after", now.Sub(o.Since).Round(time.Millisecond), "failed", o.Failed, "reason", o.Reason)
	p.outage, p.well, p.ended, p.trying = nil, time.Time{}, now, false
	for _, u := range p.uses {
		u.renew()
	}
}

// recovers tells that all that failed has worked since.
func (p *Part) recovers() bool {
	last := p.success()
	for _, u := range p.uses {
		if u.bad.IsZero() {
			continue
		}
		good := time.Unix(0, u.good.Load())
		if away(u.err) && !u.source && !u.asked() { // whatever of the part works: there is a way to it
			good = last
		}
		if good.Before(u.bad) {
			return false
		}
	}
	return true
}

// look is called a few times a second. over are the parts whose outage is over, ask those that are to be probed.
func (h *Health) look() (over, ask []*Part) {
	now := h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.parts {
		for _, u := range p.uses {
			u.lookAt(now)
		}
		switch {
		case p.outage == nil:
			continue
		case !p.recovers():
			p.well = time.Time{}
		case p.well.IsZero():
			p.well = now
		case now.Sub(p.well) >= p.quiet:
			p.close(now, "works again")
			over = append(over, p)
			continue
		}
		if p.probe != nil && !p.probing && !now.Before(p.next) {
			p.probing = true
			ask = append(ask, p)
		}
	}
	return over, ask
}

// lookAt finds out that the use answers nobody: that is told before its callers
// give up. What is slow by nature is told of once: then it gets more time.
func (u *Use) lookAt(now time.Time) {
	answered := u.tries.Load().ended.Load()
	if !u.asked() || answered != u.heard || u.silent.IsZero() {
		if u.late && u.good.Load() >= u.bad.UnixNano() {
			u.patient = 2 * now.Sub(u.silent)
		}
		u.heard, u.silent, u.late = answered, now, false
		return
	}
	since := now.Sub(u.silent)
	if since < u.patient {
		return
	}
	if !u.late {
		u.fail(hub.Fail(hub.Timeout, noAnswer, "no answer for %s", since.Round(time.Second)), now)
	}
	u.late, u.bad, u.part.well = true, now, time.Time{}
}

// probed takes what a probe said. trial: a message that waits may try. In the
// beginning that costs it no attempt, and so the trials come often.
func (h *Health) probed(p *Part, err error) (there, trial bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.probing = false
	if p.outage == nil {
		return false, false
	}
	now := h.clock.Now()
	p.next = now.Add(probeEvery)
	switch {
	case err != nil:
		p.pause = probeEvery
		return false, false
	case now.Before(p.trial):
		return true, false
	}
	most := trialMost
	if now.Sub(p.outage.Since) < freeTrials {
		p.trying, most = true, trialFree
	}
	p.trial, p.pause = now.Add(p.pause), min(2*p.pause, most)
	return true, true
}

// recall begins an outage of each adapter that messages wait for since an earlier run.
func (h *Health) recall(waiting map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.parts {
		if n := waiting[p.name]; n > 0 && p.kind == PartAdapter && p.outage == nil && len(p.uses) > 0 {
			p.uses[0].fail(hub.Fail(hub.Unavailable, notTried, "%d messages wait since before the start", n), h.tick())
		}
	}
}

// trust takes the probe's word for it: nothing waits that could try, nothing that failed is being tried, and nothing
// failed since the probe before.
func (h *Health) trust(p *Part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.outage == nil || p.doubted || h.clock.Now().Sub(p.outage.Last) < probeEvery {
		return
	}
	if slices.ContainsFunc(p.uses, func(u *Use) bool { return !u.bad.IsZero() && u.asked() }) {
		return
	}
	p.trusted = true
	for _, u := range p.uses {
		if !u.source {
			u.Works()
		}
	}
}

// Outages are the parts that do not work, the oldest outage first.
func (h *Health) Outages() []Outage {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Outage
	for _, p := range h.parts {
		if p.outage == nil {
			continue
		}
		o := *p.outage
		for _, u := range p.uses {
			if !u.bad.IsZero() && u.name != "" {
				o.Uses = append(o.Uses, u.name)
			}
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b Outage) int { return a.Since.Compare(b.Since) })
	return out
}
