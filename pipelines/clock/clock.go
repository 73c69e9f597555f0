// Package clock feeds pipelines by the time: with a message at each time of a schedule, or with what an operation that is asked then
// has to give (EIP Polling Consumer). What fell due, and what is next, is known to the store alone: no time comes twice, and none is forgotten.
package clock

import (
	"context"
	"encoding/json"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/engine"
	"orderhub/pipelines"
	"orderhub/pipelines/schedule"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// Feed is `from: {schedule: …}`, `from: {every: …}` and `from: {poll: …}`.
func Feed() pipelines.Feed {
	return pipelines.Feed{Words: []string{"poll", "schedule", "every"}, Compile: compile,
		Asks: func(from *yamlfile.Node) []*yamlfile.Node { return []*yamlfile.Node{from.Get("poll")} }}
}

type options struct {
	Schedule string        `yaml:"schedule" doc:"cron's five fields, or @hourly, @daily, @weekly, @monthly, @yearly"`
	Zone     string        `yaml:"zone" default:"UTC" doc:"time zone of the schedule, as Europe/Berlin"`
	Every    time.Duration `yaml:"every" min:"1s" max:"365d" doc:"at whole multiples of it, UTC"`
	Missed   string        `yaml:"missed" default:"once" oneof:"once|each|skip" doc:"what becomes of times at which no hub ran"`

	Poll    *yamlfile.Node `yaml:"poll" doc:"the operation that is asked"`
	With    *yamlfile.Node `yaml:"with" doc:"what it is asked with; sees cursor, and body.due"`
	Headers *yamlfile.Node `yaml:"headers" doc:"of the request"`
	Timeout *yamlfile.Node `yaml:"timeout" doc:"of the request"`
	Items   *yamlfile.Node `yaml:"items" doc:"formula: the list in the answer; each element becomes a message"`
	ID      *yamlfile.Node `yaml:"id" doc:"formula: what tells an item from others; sees item"`
	Cursor  *yamlfile.Node `yaml:"cursor" doc:"formula: where the next poll begins; sees the answer, and items"`
	More    *yamlfile.Node `yaml:"more" doc:"condition: there is more behind this answer, which is asked for at once"`
	Schema  *yamlfile.Node `yaml:"schema" doc:"of the items"`
}

// ofPolls are the options that belong to a poll.
var ofPolls = []string{"with", "headers", "timeout", "items", "id", "cursor", "more", "schema"}

// The words of `missed:`.
const (
	each = "each"
	skip = "skip"
)

func compile(b *pipelines.Build, at pipelines.Clock) *pipelines.Feeder {
	var o options
	n := b.Node
	n.Decode(&o, "from")
	if n.Kind() != yamlfile.Map {
		return nil
	}
	c := &clock{Clock: at, site: b.Site, missed: o.Missed, times: timesOf(n, &o)}
	body := dueShape
	if n.Get("poll") == nil {
		n.Refuse("E277", "add poll: and an operation, or remove it", "`%s` belongs to a poll", ofPolls...)
	} else {
		n.Refuse("E277", "remove it", "`%s` has no effect on a poll: it asks once for all that came meanwhile", "missed")
		c.poll, body = compilePoll(b, &o)
	}
	return &pipelines.Feeder{Step: c, Body: body}
}

// timesOf reads when it is time; nil: there were problems.
func timesOf(n *yamlfile.Node, o *options) *schedule.Schedule {
	cron, zone := n.Get("schedule"), n.KeyNode("zone")
	switch {
	case (cron == nil) == (n.Get("every") == nil):
		n.Errorf("E277", `add every: 5m, or schedule: "0 2 * * 1-5" and zone: Europe/Berlin`, "a clock has one of `every` and `schedule`")
		return nil
	case cron == nil && zone != nil:
		zone.Errorf("E277", "remove it", "`zone` belongs to `schedule`")
		return nil
	case cron == nil:
		if o.Every < time.Second {
			return nil // told already
		}
		return schedule.Every(o.Every)
	}
	s, err := schedule.Cron(o.Schedule, o.Zone)
	if err != nil {
		cron.Errorf("E277", `write minute hour day month weekday, as "0 2 * * 1-5", and zone: Europe/Berlin`, "%s", err)
	}
	return s
}

// dueShape is the body of a message of a schedule.
var dueShape = shape.ObjectType(
	shape.Field{Name: "due", Type: shape.StringType, Required: true},
	shape.Field{Name: "previous", Type: shape.Join(shape.StringType, shape.NullType), Required: true},
)

type clock struct {
	pipelines.Clock
	site   pipelines.Site
	times  *schedule.Schedule
	missed string
	poll   *poll // nil: the time itself is the message
}

// kind of the records that keep what a clock knows, by the name of its pipeline.
const kind = "clock"

// state is what the store knows of a clock.
type state struct {
	Schedule string          `json:"schedule"`
	Due      time.Time       `json:"due"`           // the next time
	Last     time.Time       `json:"last,omitzero"` // the one that was run last
	Turns    int             `json:"turns,omitempty"`
	Cursor   json.RawMessage `json:"cursor,omitempty"`
	Seen     []string        `json:"seen,omitempty"` // the newest items, by their digests
	More     bool            `json:"more,omitempty"` // the last answer was not all
}

// Process looks at the time, in one unit: what fell due is given to the pipeline, what is known is written, and the clock's next message
// is put. So a clock may be woken as often as anybody likes, by as many hubs as there are.
func (c *clock) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	s := &state{}
	version, err := hub.ReadJSON(ctx, x.Record, kind, c.Pipeline, s)
	if err != nil {
		return err
	}
	now, asked := x.Now(), s.More
	for _, due := range c.due(x, s, now) {
		m := c.message(due, s.Last, now)
		s.Last, asked = due, false
		if c.poll == nil {
			err = next(ctx, x.With(m))
		} else {
			err = c.ask(ctx, x.With(m), s, next)
		}
		if err != nil {
			return err
		}
	}
	if asked { // the rest of an answer
		if err := c.ask(ctx, x.With(c.message(s.Last, s.Last, now)), s, next); err != nil {
			return err
		}
	}
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	x.Write(hub.Write{Kind: kind, Key: c.Pipeline, Value: value, IfVersion: version})
	c.put(x, s)
	return nil
}

// put puts the message that wakes the clock again, in place of the one that waits.
func (c *clock) put(x *hub.Exchange, s *state) {
	p := hub.Put{Queue: c.Queue, Name: engine.Tick, Msg: &hub.Message{ID: c.Queue, Time: x.Now()}, Due: s.Due}
	if s.More {
		p.Due = time.Time{}
	}
	if s.More || !s.Due.IsZero() {
		x.Unit.Puts = append(x.Unit.Puts, p)
	}
}

// most is how many times that were missed one unit brings.
const most = 1000

// late is how late a time may come and not be missed.
const late = time.Minute

// due gives the times that are run now, and moves s behind them. Of another schedule than the one that s is of, only what had fallen due is run.
func (c *clock) due(x *hub.Exchange, s *state, now time.Time) (runs []time.Time) {
	changed := s.Schedule != c.times.String()
	for t := s.Due; !t.IsZero() && !t.After(now) && len(runs) < most && (!changed || len(runs) == 0); t = s.Due {
		if c.missed != each {
			runs = runs[:0]
		}
		runs, s.Due = append(runs, t), c.times.After(t)
	}
	if changed {
		behind := now
		if s.Last.After(behind) { // the clock was set back: no time comes twice
			behind = s.Last
		}
		s.Schedule, s.Due = c.times.String(), c.times.After(behind)
	}
	if c.missed == skip && len(runs) > 0 && now.Sub(runs[0]) > late {
		c.site.Note(x, now, "skipped", "what was due at "+runs[0].Format(time.RFC3339))
		return nil
	}
	return runs
}

// message is the one of a time.
func (c *clock) message(due, previous, now time.Time) *hub.Message {
	before := doc.NullValue()
	if !previous.IsZero() {
		before = doc.StringValue(previous.UTC().Format(time.RFC3339))
	}
	body := doc.ObjectOf([]doc.Field{{Name: "due", Value: doc.StringValue(due.UTC().Format(time.RFC3339))}, {Name: "previous", Value: before}})
	return &hub.Message{ID: c.Pipeline + "-" + due.UTC().Format("20060102T150405Z"), Key: c.Pipeline, Time: now, Body: hub.DocumentBody(body)}
}
