package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/pipelines/alert"
)

const (
	partsKind   = "hub.parts" // of the record in which a hub tells those that share its store how its parts do
	partsEvery  = 15 * time.Second
	partsFresh  = time.Minute // an older record is of a hub that is gone
	alertTries  = 5           // of a change that others were quicker than
	mostSilence = 366 * 24 * time.Hour
)

// ofParts are the families that each hub knows of its own parts alone.
var ofParts = []*figures.Family{figures.Up, figures.Breaker, figures.Lag, figures.Expiry, figures.Build, figures.Config}

// watchedAll is what the rules of alerts look at: the figures of this hub, and what the others that share its store tell of themselves.
func (d *Daemon) watchedAll(ctx context.Context) (figures.Snapshot, error) {
	select {
	case <-d.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	g := d.gather(ctx)
	if g.Status == nil {
		return nil, hub.Fail(hub.Unavailable, "figures", "the store can't be read in time")
	}
	if !shared(d.Store) {
		return g.Figures, nil
	}
	all := g.Figures
	for _, kind := range []string{figuresKind, partsKind} {
		records, err := d.storage.List(ctx, kind, "", "", 1000)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			other := &figures.Set{}
			if r.Key != instance() && other.Restore(r.Value) == nil {
				all = append(all, other.Snapshot()...)
			}
		}
	}
	return all, nil
}

// tellParts tells the other hubs on the store how the parts of this one do, and looks at what they run, until ctx ends.
func (d *Daemon) tellParts(ctx context.Context) {
	for more := shared(d.Store); more; more = hub.Pause(ctx, d.clock, partsEvery) {
		d.tellOwn(ctx)
		d.compareHubs(ctx)
	}
}

// tellOwn tells the other hubs on the store how the parts of this one do, and what it runs.
func (d *Daemon) tellOwn(ctx context.Context) {
	look := &figures.Set{}
	d.current.Load().opened.Figures(ctx, look)
	d.putParts(ctx, look)
	own := slices.DeleteFunc(look.Snapshot(), func(p figures.Sample) bool { return !slices.Contains(ofParts, p.Family) })
	_ = d.storage.Commit(ctx, &hub.Unit{Writes: []hub.Write{{Kind: partsKind, Key: instance(), Value: own.Encode(),
		Expires: d.clock.Now().Add(partsFresh), IfVersion: hub.AnyVersion}}}) // a store that is away tells of itself
}

// alerts are all alerts of the configuration; none where it declares none.
func (d *Daemon) alerts(ctx context.Context) ([]alert.Entry, error) {
	rules := alert.Of(d.current.Load().Plan)
	if rules == nil {
		return []alert.Entry{}, nil
	}
	look := func() (*alert.Known, error) {
		known, _, err := alert.Read(ctx, d.storage.Get)
		return known, err
	}
	if d.ready() != nil { // the store takes nothing, and the record is of before
		look = func() (*alert.Known, error) { return rules.Meanwhile(ctx, d.current.Load().rt.Exchange()) }
	}
	known, err := look()
	if err != nil {
		return nil, err
	}
	return rules.Entries(known, d.clock.Now()), nil
}

// lookMeanwhile looks at the alerts while the store takes nothing, until ctx ends: so that none is missed that is over when it takes again.
func (d *Daemon) lookMeanwhile(ctx context.Context) {
	for hub.Pause(ctx, d.clock, alert.Every) {
		if d.ready() != nil {
			_, _ = d.alerts(ctx) // of what can't be looked up the status tells
		}
	}
}

// findAlerts puts the alerts that fire, and those whose rules are broken, on top of what needs attention.
func (d *Daemon) findAlerts(ctx context.Context, v *api.Status) error {
	all, err := d.alerts(ctx)
	var urgent []api.Attention
	for _, e := range all {
		n := api.Attention{What: "alert", Of: e.Alert, Since: e.Since, Text: e.Severity + ": " + e.Text, Do: "hub alerts"}
		switch {
		case e.Standing == alert.Broken || e.Error != "":
			n.Text = "its rule is broken: " + e.Error
		case e.Standing != alert.Firing:
			continue
		case e.Silence != nil:
			n.Text += ", silenced by " + e.Silence.By
		}
		urgent = append(urgent, n)
	}
	v.Attention = append(urgent, v.Attention...)
	return err
}

// silence makes an alert untold for some time, or ends that.
func (a *admin) silence(r *http.Request) (*alert.Entry, error) {
	var q api.Silence
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	d, err := durationOf("for", q.For)
	if err != nil {
		return nil, err
	}
	if d > mostSilence {
		return nil, api.BadRequestf("an alert is silent for a year at most; remove its rule")
	}
	name, rules := r.PathValue("name"), alert.Of(a.current.Load().Plan)
	if rules == nil || rules.Rule(name) == nil {
		var known []string
		if rules != nil {
			known = rules.Names()
		}
		return nil, api.NotFoundf("no alert %q%s", name, words.Meant(name, known, ""))
	}
	for try := 1; ; try++ {
		known, version, err := alert.Read(r.Context(), a.storage.Get)
		if err != nil {
			return nil, err
		}
		now, by := a.clock.Now(), actOf(r.Context())
		known.Silenced(name, alert.Silence{Until: now.Add(d), By: by.Who, Why: by.Why}, now)
		w, err := known.Write(version)
		if err == nil {
			err = a.commit(r.Context(), &hub.Unit{Writes: []hub.Write{w}})
		}
		if err == nil {
			all := rules.Entries(known, now)
			return &all[slices.IndexFunc(all, func(e alert.Entry) bool { return e.Alert == name })], nil
		}
		if !errors.Is(err, hub.ErrConflict) || try == alertTries {
			return nil, err
		}
	}
}
