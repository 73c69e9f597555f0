package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines"
)

// attention is something that somebody should look at: one cause in one line.
type attention struct {
	What     string      `json:"what"` // outage, waiting, unread, stuck, late
	Of       string      `json:"of"`   // adapter billing, queue orders, order W-1
	Since    time.Time   `json:"since,omitzero"`
	Text     string      `json:"text"`
	Waiting  int         `json:"waiting,omitempty"`  // messages that wait for it
	Next     time.Time   `json:"next_try,omitzero"`  // when one of them is tried again
	Do       string      `json:"do,omitempty"`       // the command that helps
	Process  string      `json:"process,omitempty"`  // of stuck and late
	Instance string      `json:"instance,omitempty"` // likewise
	Outage   *hub.Outage `json:"outage,omitempty"`   // of outage
}

// awaiting is what some messages of a queue wait for since they failed.
type awaiting struct {
	For   string    `json:"for"` // the adapter that failed, else the group of the failure
	Count int       `json:"count"`
	Since time.Time `json:"since,omitzero"`
	Next  time.Time `json:"next_try,omitzero"`
	Error string    `json:"error"`
}

const (
	maxAttention = 10              // of each kind
	patience     = 2 * time.Second // for a message to be tried again before anybody is told
)

// health adds what the queues wait for, and what of it needs attention.
func (v *statusView) health(ctx context.Context, a *admin, g *generation) error {
	groups, err := a.storage.Awaiting(ctx)
	if err != nil {
		return err
	}
	outages := a.health.Outages()
	for _, grp := range groups {
		if q := v.queue(grp.Queue); q != nil {
			q.Awaiting = append(q.Awaiting, awaitingOf(grp, outages))
		}
	}
	for i := range outages {
		v.Attention = append(v.Attention, v.outage(&outages[i]))
	}
	v.waiting(outages, a.clock.Now())
	v.orphans(g.plan, a.abandoned.Load())
	return nil
}

func (v *statusView) queue(name string) *queueView {
	if i := slices.IndexFunc(v.Queues, func(q queueView) bool { return q.Queue == name }); i >= 0 {
		return &v.Queues[i]
	}
	return nil
}

// awaitingOf says what the group waits for, by the outage of the part that it awaits, if there is one.
func awaitingOf(g hub.Awaiting, outages []hub.Outage) awaiting {
	w := awaiting{For: g.For, Count: g.Count, Next: g.Next}
	if f := g.Sample.Error; f != nil {
		w.Since, w.Error = f.Since, f.Message
	}
	for _, o := range outages {
		if o.Kind == hub.PartAdapter && o.Name == g.For {
			w.Since, w.Error = o.Since, o.Name+": "+o.Error
		}
	}
	if w.Error == "" {
		w.Error = "waits for " + g.For
	}
	return w
}

// outage is a part that fails, with what waits for it.
func (v *statusView) outage(o *hub.Outage) attention {
	n := attention{What: "outage", Of: strings.TrimSpace(o.Kind + " " + o.Name), Since: o.Since, Text: o.Error, Next: o.Next, Outage: o}
	if o.Reason == "breaker_open" {
		n.Text = "breaker open: " + n.Text
	}
	for _, q := range v.Queues {
		for _, w := range q.Awaiting {
			if holdsUp(o, q.Queue, w) {
				n.Waiting += w.Count
				n.Next = earliest(n.Next, w.Next)
			}
		}
		if o.Kind == hub.PartAdapter && (q.Queue == "@"+o.Name || strings.HasPrefix(q.Queue, "@"+o.Name+" ")) { // its outboxes: what stands behind waits too
			n.Waiting += q.Ready + q.Held
		}
	}
	return n
}

// holdsUp tells that messages of a queue wait for the part that o is about: an adapter, or the queue itself.
func holdsUp(o *hub.Outage, queue string, w awaiting) bool {
	return o.Kind == hub.PartAdapter && w.For == o.Name || o.Kind == hub.PartQueue && queue == o.Name
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// waiting tells of messages that are tried again and again though no part is known to fail.
func (v *statusView) waiting(outages []hub.Outage, now time.Time) {
	told := 0
	for _, q := range v.Queues {
		for _, w := range q.Awaiting {
			known := slices.ContainsFunc(outages, func(o hub.Outage) bool { return holdsUp(&o, q.Queue, w) })
			if known || w.Since.IsZero() || now.Sub(w.Since) < patience || told == maxAttention {
				continue
			}
			told++
			v.Attention = append(v.Attention, attention{What: "waiting", Of: "queue " + q.Queue, Since: w.Since, Text: w.Error, Waiting: w.Count, Next: w.Next})
		}
	}
}

// orphans tells of queues that hold messages and have lost their reader: those
// that the configuration does not know, and those that a reload left. A channel
// that never had one keeps its messages for people: that is no fault.
func (v *statusView) orphans(plan *pipelines.Plan, abandoned *map[string]bool) {
	for _, q := range v.unread() {
		if live := q.Ready + q.Waiting + q.Held; live > 0 && (plan.Channel(q.Queue) == nil || abandoned != nil && (*abandoned)[q.Queue]) {
			v.Attention = append(v.Attention, attention{What: "unread", Of: "queue " + q.Queue, Since: q.Oldest, Waiting: live,
				Text: "no pipeline of this configuration reads it: bring its reader back, or read it once with another"})
		}
	}
}

// attentionLines are what somebody should look at, one line each.
func (c *cli) attentionLines(list []attention, now time.Time) {
	c.Print("NEEDS ATTENTION")
	rows := make([][]string, len(list))
	for i, n := range list {
		text := words.OneLine(n.Text, 120)
		if n.Waiting > 0 {
			text += ", " + words.Plural(n.Waiting, "message") + " wait"
			if n.Waiting == 1 {
				text += "s"
			}
		}
		if n.Next.After(now) {
			text += ", next try in " + words.Short(n.Next.Sub(now))
		}
		rows[i] = []string{"", n.What, words.OneLine(n.Of, 60), "since " + words.Age(n.Since, now), text, n.Do}
	}
	c.Table(nil, rows)
}

// awaitingText says what a queue's messages wait for.
func awaitingText(q *queueView, now time.Time) string {
	parts := make([]string, 0, len(q.Awaiting))
	for _, w := range q.Awaiting {
		text := strconv.Itoa(w.Count) + " wait"
		if !w.Since.IsZero() {
			text += " since " + words.Age(w.Since, now)
		}
		parts = append(parts, text+": "+words.OneLine(w.Error, 100))
	}
	return strings.Join(parts, "; ")
}
