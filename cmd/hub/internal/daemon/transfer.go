package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
	"orderhub/pipelines"
)

// portionOf is how many messages one call moves or deletes.
const portionOf = browsePage

// portion are the messages of a queue that a selection means, the oldest first, up to a number.
type portion struct {
	chosen []*hub.Delivery
	next   int64 // where the next portion begins; 0: there is none
	api.Asked
}

// portion reads one. What it looks at is bounded as well: a portion may be empty though others follow.
func (a *admin) portion(ctx context.Context, queue string, s *api.Selection, most int) (p *portion, err error) {
	if len(s.IDs) > 0 {
		return a.named(ctx, queue, s.IDs)
	}
	asked, err := a.ask("match", s.Match)
	if err != nil {
		return nil, err
	}
	before, err := a.before("older", s.Older)
	if err != nil {
		return nil, err
	}
	page, err := a.storage.Browse(ctx, store.BrowseQuery{Queue: queue, After: s.After, Limit: most})
	if err != nil {
		return nil, err
	}
	p = &portion{}
	if len(page) == most {
		p.next = page[most-1].Seq
	}
	for _, d := range page {
		if s.Until > 0 && d.Seq > s.Until {
			p.next = 0
			break
		}
		if (before.IsZero() || d.Msg.Time.Before(before)) && asked.meets("message "+strconv.FormatInt(d.Seq, 10), d.Msg, nil) {
			p.chosen = append(p.chosen, d)
		}
	}
	p.Asked = asked.Asked
	return p, nil
}

// named are messages of the queue by their sequence numbers or IDs.
func (a *admin) named(ctx context.Context, queue string, ids []string) (*portion, error) {
	p := &portion{}
	for _, id := range ids {
		q := store.BrowseQuery{Queue: queue, ID: id}
		if seq, err := strconv.ParseInt(id, 10, 64); err == nil {
			q = store.BrowseQuery{Queue: queue, After: seq - 1, Limit: 1}
		}
		page, err := a.storage.Browse(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 || q.ID == "" && page[0].Seq != q.After+1 {
			return nil, api.NotFoundf("no message %s lies in %s: hub channel show %[2]s lists them", id, queue)
		}
		p.chosen = append(p.chosen, page...)
	}
	slices.SortFunc(p.chosen, func(x, y *hub.Delivery) int { return cmp.Compare(x.Seq, y.Seq) })
	p.chosen = slices.CompactFunc(p.chosen, func(x, y *hub.Delivery) bool { return x.Seq == y.Seq })
	return p, nil
}

// change is what somebody wants done with messages of a queue.
type change struct {
	*api.ChannelChange
	a     *admin
	queue string
	act   *act
	to    func(x *hub.Exchange) error // puts the message of x into x's unit; nil: it is deleted
}

// moveMessages moves messages of a queue to a channel or a pipeline, and mends them on the way.
func (a *admin) moveMessages(r *http.Request) (*api.ChannelChanged, error) { return a.change(r, true) }

// purge deletes messages of a queue (EIP Channel Purger).
func (a *admin) purge(r *http.Request) (*api.ChannelChanged, error) { return a.change(r, false) }

func (a *admin) change(r *http.Request, move bool) (*api.ChannelChanged, error) {
	c := &change{ChannelChange: &api.ChannelChange{}, a: a, queue: r.PathValue("name")}
	if err := readJSON(r, c.ChannelChange); err != nil {
		return nil, err
	}
	if !c.IsOne() {
		return nil, api.BadRequestf("name messages (ids), or say which ones (all, match, older)")
	}
	mends := len(c.Set) > 0 || c.Body != nil
	c.act = actOf(r.Context())
	if c.act.looked = c.DryRun; c.act.Why == "" && (mends || !move) {
		return nil, api.BadQueryf("say why something is changed or deleted: it is kept in the history")
	}
	g := a.current.Load()
	err := g.changeable(c.queue)
	if err == nil && move {
		c.to, err = g.destination(c.To)
	}
	if err != nil {
		return nil, err
	}
	p, err := a.portion(r.Context(), c.queue, &c.Selection, portionOf)
	if err != nil {
		return nil, err
	}
	return c.apply(r.Context(), g, p)
}

// changeable tells that the messages of the queue may be moved and deleted by hand: timers belong to their steps, and
// what processes have to do is steered by their own verbs.
func (g *generation) changeable(queue string) error {
	for _, p := range g.Plan.Pipelines {
		for _, s := range p.Stages {
			if s.Queue == queue && p.From.Section == "" {
				return nil
			}
			if s.Queue == queue {
				return api.Conflictf("of_a_process", "%s is what the process %s has to do: hub process list, hub process cancel", queue, p.Name)
			}
		}
	}
	if g.Reads()[queue] && outboxOf(queue) == "" {
		return api.Conflictf("timers", "%s holds timers of a step: they belong to what it waits for", queue)
	}
	return nil
}

// destination is the channel or the pipeline that messages are sent to by hand.
func (g *generation) destination(name string) (func(x *hub.Exchange) error, error) {
	if c := g.Plan.Channel(name); c != nil {
		if c.Via != nil {
			return nil, api.Conflictf("carried", "%s is carried by %s: name the pipeline that reads it, or another one", name, c.Via.Name)
		}
		return func(x *hub.Exchange) error {
			err := c.Put(x, x.Msg, x.Msg.Headers.Get(hub.HeaderRoutingKey), "moved")
			if err == nil && len(x.Unit.Puts) == 0 {
				err = api.Conflictf("no_reader", "no reader of %s takes it: the message would be lost", name)
			}
			return err
		}, nil
	}
	p := g.Plan.Pipeline(name)
	switch {
	case p == nil:
		known := append(pipelines.Names(g.Plan.Channels, func(c *pipelines.Channel) string { return c.Name }),
			pipelines.Names(g.Plan.Pipelines, func(p *pipelines.Pipeline) string { return p.Name })...)
		return nil, api.NotFoundf("no channel and no pipeline %q%s", name, words.Meant(name, known, "hub channel list shows the channels"))
	case len(p.Stages) == 0 || p.From.Section != "":
		return nil, api.Conflictf("not_sendable", "%s takes no messages from outside: name the pipeline that calls or starts it", name)
	}
	return func(x *hub.Exchange) error {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: p.Stages[0].Queue, Msg: x.Msg})
		return nil
	}, nil
}

// apply makes the units of all messages before it commits the first one: what is wrong with one of them changes nothing.
func (c *change) apply(ctx context.Context, g *generation, p *portion) (*api.ChannelChanged, error) {
	out := &api.ChannelChanged{Queues: map[string]int{}, DryRun: c.DryRun, Next: p.next, Asked: p.Asked}
	units, seqs := map[int64]*hub.Unit{}, []int64{}
	for _, d := range p.chosen {
		u, err := c.unit(d)
		if err != nil {
			return nil, err
		}
		units[d.Seq], seqs = u, append(seqs, d.Seq)
	}
	if c.DryRun {
		for _, d := range p.chosen {
			out.Did(d.Seq, units[d.Seq])
		}
		return out, nil
	}
	picked, err := c.a.storage.Pick(ctx, c.queue, seqs, time.Minute)
	if err != nil {
		return nil, err
	}
	out.Busy, c.act.Count = len(seqs)-len(picked), min(1, len(picked))
	defer g.rt.WakeAll()
	for i, d := range picked {
		u := units[d.Seq]
		u.Input = d
		c.act.On = c.queue + " " + d.Msg.ID
		if err := c.a.commit(ctx, u); err != nil {
			_ = c.a.storage.Release(context.WithoutCancel(ctx), picked[i:]) // a store that fails has no claims to give back
			return nil, fmt.Errorf("%d of %d messages are done, the rest is where it was: %w", i, len(picked), err)
		}
		out.Did(d.Seq, u)
	}
	return out, nil
}

// unit is what becomes of a message: it is put where it goes, mended, and the history tells who did that, and why.
func (c *change) unit(d *hub.Delivery) (*hub.Unit, error) {
	if d.Msg == nil {
		return nil, api.Conflictf("damaged", "message %d is damaged: hub dlq drop %[1]d deletes it", d.Seq)
	}
	m, changed, err := mended(d, c.Set, c.Body)
	if err != nil {
		return nil, err
	}
	if changed != "" { // it is another message: no far end may take it for a repeat
		m = m.Child("mended" + strconv.FormatInt(d.Seq, 10))
	}
	kept := *m
	m = &kept
	m.Expires = time.Time{} // somebody wants it now
	x := hub.NewExchange(m, &hub.StageEnv{Clock: c.a.clock, Store: c.a.storage})
	what, detail := "deleted", c.queue
	if c.to != nil {
		if err := c.to(x); err != nil {
			p := api.ProblemOf(err)
			p.Detail = fmt.Sprintf("message %d: %s", d.Seq, p.Detail)
			return nil, p
		}
		what, detail = "moved", "from "+c.queue+" to "+c.To+changed
	}
	detail += ", by " + c.act.Who
	if c.act.Why != "" {
		detail += ": " + c.act.Why
	}
	u := x.Unit
	u.Root, u.Correlation = d.Msg.Root(), d.Msg.Correlation
	u.History = []hub.Event{{Time: c.a.clock.Now(), Message: m.ID, Where: c.queue, What: what, Detail: detail}}
	return u, nil
}

// mended is the message of d with another body, or with other values in it. changed says what was changed, without the values.
func mended(d *hub.Delivery, set map[string]string, body *string) (m *hub.Message, changed string, err error) {
	m = d.Msg
	if body != nil {
		c := *m
		c.Body, m, changed = hub.NewBody([]byte(*body)), &c, ", with another body"
		if _, err := doc.Parse([]byte(*body)); err == nil { // else it is in the format of the one before
			m = m.WithBody(c.Body)
		}
	}
	if len(set) == 0 {
		return m, changed, nil
	}
	v, err := m.Body.Doc()
	if err != nil {
		return nil, "", api.Conflictf("no_document", "message %d is no document, so no field of it can be set: give it another body; %v", d.Seq, err)
	}
	paths := slices.Sorted(maps.Keys(set))
	for _, path := range paths {
		before, at := v, pathOf(path)
		if v = doc.Set(v, at, valueOf(set[path], doc.Lookup(v, at))); doc.Lookup(v, at).Kind() == doc.Missing {
			return nil, "", api.BadRequestf("message %d has no place %s: %s is a list of %d, write its index, from 0", d.Seq, path, at[0], doc.Lookup(before, at[:1]).Len())
		}
	}
	return m.WithBody(hub.DocumentBody(v)), changed + ", with another " + strings.Join(paths, ", "), nil
}

// pathOf is a path of fields and indices: lines.0.sku.
func pathOf(path string) []string { return strings.Split(path, ".") }

// valueOf is what a text sets: JSON; a text as it is where it is no JSON, or where a text stood.
func valueOf(text string, before doc.Value) doc.Value {
	v, err := doc.Parse([]byte(text))
	if err != nil || before.Kind() == doc.String && v.Kind() != doc.String && v.Kind() != doc.Null {
		return doc.StringValue(text)
	}
	return v
}
