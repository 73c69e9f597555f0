package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

// reloadAnswer is what a reload did. With problems the old configuration runs on.
type reloadAnswer struct {
	OK       bool           `json:"ok"`
	Old      string         `json:"old"` // version that ran
	New      string         `json:"new"` // version that runs now
	Summary  string         `json:"summary"`
	Problems string         `json:"problems,omitempty"` // as text with carets
	Errors   int            `json:"errors"`
	Stranded []process.Fate `json:"stranded,omitempty"` // instances that the new configuration has no place for
	Warnings []string       `json:"warnings,omitempty"`
}

// reload loads the file again and, when it is valid, lets the old generation
// end and the new one begin. An error means that nothing runs any more.
func (d *daemon) reload(ctx context.Context) (reloadAnswer, error) {
	old := d.current.Load()
	a := reloadAnswer{Old: old.plan.Version, New: old.plan.Version}
	l := load(d.config, d.reg, d.stubs, old.sets...)
	if !l.ok() {
		a.Errors, a.Problems = l.problems.Errors(), problemText(l.problems)
		a.Summary = fmt.Sprintf("%s: %s; %s keeps running", l.path, words.Plural(a.Errors, "error"), a.Old)
		return a, nil
	}
	if l.plan.Version == a.Old {
		a.OK, a.Summary = true, "nothing changed: "+a.Old+" keeps running"
		return a, nil
	}
	fates, err := process.Of(l.plan).Compare(ctx, d.storage)
	if err != nil {
		a.Errors, a.Problems = 1, "processes: "+err.Error()
		a.Summary = fmt.Sprintf("what becomes of the instances of processes can't be read; %s keeps running", a.Old)
		return a, nil
	}
	if a.Stranded = strandedOf(fates); len(a.Stranded) > 0 {
		a.Errors, a.Problems = len(a.Stranded), l.strands(a.Stranded)
		a.Summary = fmt.Sprintf("%s would strand instances; %s keeps running", l.path, a.Old)
		return a, nil
	}
	if l.store() != d.storage.url {
		a.Warnings = append(a.Warnings, "hub.store changed: the new store is used from the next start on")
	}
	if err := old.stop(); err != nil {
		return a, storeFailure(err)
	}
	d.refused += old.rt.Refused()
	if err := d.storage.Recover(ctx, nil); err != nil { // what was held behind a retry is ready again
		return a, storeFailure(err)
	}
	g, err := d.begin(ctx, l)
	if err != nil {
		a.Errors, a.Problems = 1, err.Error()
		a.Summary = fmt.Sprintf("%s did not start; %s runs again", l.plan.Version, a.Old)
		if g, back := d.begin(ctx, old.loaded); back == nil {
			d.current.Store(g)
			return a, nil
		} else {
			return a, fmt.Errorf("reload: %w", errors.Join(err, back))
		}
	}
	d.current.Store(g)
	a.OK, a.New = true, l.plan.Version
	if err := d.abandon(ctx, old, g, &a); err != nil {
		d.log.Warn("queues that nobody reads any more can't be found", "error", err)
	}
	a.Summary = fmt.Sprintf("%s -> %s: %s", a.Old, a.New, sizes(l.plan))
	return a, nil
}

// abandon tells of the queues with messages that old read and g does not. Status goes on telling of them.
func (d *daemon) abandon(ctx context.Context, old, g *generation, a *reloadAnswer) error {
	qs, err := d.storage.Queues(ctx)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	if before := d.abandoned.Load(); before != nil {
		gone = maps.Clone(*before)
	}
	before, now := old.reads(), g.reads()
	for _, q := range qs {
		if live := q.Ready + q.Waiting + q.Held; live > 0 && before[q.Queue] && !now[q.Queue] {
			gone[q.Queue] = true
			a.Warnings = append(a.Warnings, fmt.Sprintf("%s: %s here, and nobody reads it any more", q.Queue, lie(live)))
		}
	}
	maps.DeleteFunc(gone, func(queue string, _ bool) bool { return now[queue] })
	d.abandoned.Store(&gone)
	return nil
}

func lie(n int) string {
	if n == 1 {
		return "1 message lies"
	}
	return words.Plural(n, "message") + " lie"
}

func (a reloadAnswer) log(log *slog.Logger) {
	for _, w := range a.Warnings {
		log.Warn("reload", "warning", w)
	}
	if a.OK {
		log.Warn("reload", "result", a.Summary)
	} else {
		log.Error("reload", "result", a.Summary, "problems", a.Problems)
	}
}

func problemText(p *yamlfile.Problems) string {
	var b strings.Builder
	p.WriteText(&b, true, false)
	return b.String()
}
