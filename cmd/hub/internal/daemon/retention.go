package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
)

// hourly does what removes old things beside the store's own sweep, until ctx ends.
func (d *Daemon) hourly(ctx context.Context, plan *pipelines.Plan) {
	for {
		d.expireAudit(ctx, plan.Retention.Audit)
		if err := d.expireDead(ctx, plan); err != nil && ctx.Err() == nil {
			d.Log.Warn("old dead letters can't be dropped", "error", err)
		}
		if !hub.Pause(ctx, d.clock, time.Hour) {
			return
		}
	}
}

// expireDead drops the dead letters that are older than the configuration keeps them, and records it.
func (d *Daemon) expireDead(ctx context.Context, plan *pipelines.Plan) error {
	keep, least := plan.DeadLetters()
	if least == 0 {
		return nil
	}
	now := d.clock.Now().UTC()
	groups, err := d.storage.DeadGroups(ctx)
	for _, g := range groups {
		if g.First.Add(least).After(now) {
			continue
		}
		var old []hub.Settle
		if err := browse(ctx, d.storage, store.BrowseQuery{State: hub.Dead, Cause: g.Cause}, func(m *hub.Delivery) {
			if k := keep(m.Queue); k > 0 && m.Error != nil && m.Error.Time.Add(k).Before(now) {
				old = append(old, hub.Settle{Seq: m.Seq})
			}
		}); err != nil {
			return err
		}
		for part := range slices.Chunk(old, settlePart) {
			rec := audit.Record{Time: now, Who: "hub", Act: "drop", On: g.Cause, Why: "the retention of dead letters is over", Count: len(part), Outcome: "done"}
			err := d.log.Append(ctx, rec, &hub.Unit{Settles: part}, d.storage.Commit)
			if errors.Is(err, hub.ErrConflict) {
				break // somebody settles them; what is left goes in an hour
			}
			if err != nil {
				return err
			}
			d.Log.Info("dead letters are dropped: they were kept as long as the configuration says", "group", g.Cause, "count", len(part))
		}
	}
	return err
}

// kept is how long what is kept, as far as the configuration says it of the hub, of pipelines, of processes and of channels.
func (g *generation) kept() (list []api.Retention) {
	add := func(of, what string, keep time.Duration) {
		if keep > 0 {
			list = append(list, api.Retention{Of: of, What: what, For: words.Span(keep)})
		}
	}
	r := g.Plan.Retention
	add("hub", "history", r.History)
	add("hub", "refusals", r.Refusals)
	add("hub", "audit", r.Audit)
	add("hub", "dead letters", r.DeadLetters)
	if r.DeadLetters == 0 {
		list = append(list, api.Retention{Of: "hub", What: "dead letters", For: "until they are settled"})
	}
	for _, p := range g.Plan.Pipelines {
		add("pipeline "+p.Name, "history", p.Retention.History)
		add("pipeline "+p.Name, "dead letters", p.Retention.DeadLetters)
	}
	for _, name := range g.Processes().Names() {
		add("process "+name, "closed instances", g.Processes().Definition(name).Keep)
	}
	for _, c := range g.Plan.Channels {
		add("channel "+c.Name, "messages", c.Keep)
	}
	slices.SortStableFunc(list, func(x, y api.Retention) int { return strings.Compare(x.What, y.What) })
	return list
}
