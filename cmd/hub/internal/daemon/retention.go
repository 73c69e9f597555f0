package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/erase"
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

// forget erases what the store has of a person. What is under way is listed, and nothing is erased.
func (a *admin) forget(r *http.Request) (*erase.Found, error) {
	var asked api.Forget
	if err := readJSON(r, &asked); err != nil {
		return nil, err
	}
	c := actOf(r.Context())
	c.asked, c.On, c.looked = nil, "a person", asked.DryRun // the log keeps that it was done, not of whom
	person, err := personOf(asked.Values)
	switch {
	case err != nil:
		return nil, err
	case c.Why == "":
		return nil, api.BadQueryf("say why somebody is forgotten, without a name: it is kept in the audit log")
	case person.In(c.Why) || person.In(c.Who):
		c.Why, c.Who = "", owner()
		return nil, api.BadQueryf("the reason names the person: the audit log would keep it")
	}
	found, err := a.findOf(r.Context(), person)
	if err != nil || asked.DryRun || len(found.UnderWay) > 0 {
		c.looked = err == nil
		return found, err
	}
	c.On = "a person: " + words.Plural(len(found.Orders), "order")
	if err := a.eraseAll(r.Context(), found); err != nil {
		return nil, err
	}
	if k, can := a.storage.Store.(store.Keeper); can {
		if err := k.Rewrite(r.Context()); err != nil {
			return nil, fmt.Errorf("it is erased, and what is left of it in free places of the store's files is not, run it again: %w", err)
		}
	}
	left, err := a.findOf(r.Context(), person)
	if err == nil && left.Any() {
		err = api.Conflictf("came_meanwhile", "something of the person came in meanwhile: run it again")
	}
	return found, err
}

// personOf is the person that values are of.
func personOf(values []string) (person erase.Person, err error) {
	for _, v := range values {
		if v = strings.ToLower(strings.TrimSpace(v)); len([]rune(v)) < erase.Least {
			return nil, api.BadRequestf("%q is too short to be of one person alone: give an e-mail address or a number of %d characters", v, erase.Least)
		}
		person = append(person, v)
	}
	if len(person) == 0 {
		return nil, api.BadRequestf("say who: an e-mail address, a customer number, or both")
	}
	return person, nil
}

// findOf is what the store has of the person.
func (a *admin) findOf(ctx context.Context, person erase.Person) (*erase.Found, error) {
	g := a.current.Load()
	var terms []int64
	for _, value := range person {
		for _, path := range g.rt.Index.Paths {
			terms = append(terms, g.rt.Index.Term(path, value))
		}
	}
	reads := g.Reads()
	return erase.Find(ctx, a.upToDate(), person, terms, func(queue string) bool { return reads[queue] || outboxOf(queue) != "" })
}

// eraseAll commits the units that erase what was found.
func (a *admin) eraseAll(ctx context.Context, found *erase.Found) error {
	c := actOf(ctx)
	for _, u := range found.Units() {
		c.Count = len(u.Settles) + len(u.Writes) + len(u.Erases)
		if err := a.commit(ctx, u); err != nil {
			return fmt.Errorf("something changed meanwhile, run it again: %w", err)
		}
	}
	c.Count = 1
	for queue, seqs := range found.Idle {
		picked, err := a.storage.Pick(ctx, queue, seqs, time.Minute)
		if err != nil {
			return err
		}
		for _, d := range picked {
			if err := a.commit(ctx, &hub.Unit{Input: d}); err != nil {
				return err
			}
		}
	}
	return nil
}
