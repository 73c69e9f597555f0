// Package delay is the Delayer: a message waits in the store until its time has come, and goes on from there.
package delay

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Pattern is the verb `delay`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "delay", Keeps: true, Compile: compile,
		Passes: pipelines.PassesAll.Always, Instead: "write timers: [{after: 10m, goto: …}] at the state"}
}

// longest is how far ahead the time of a message may lie.
const longest = 10 * 365 * 24 * time.Hour

type delayer struct {
	site  pipelines.Site
	pause time.Duration    // where until is nil
	until *pipelines.Value // the time
	queue string           // where the messages wait
}

func compile(b *pipelines.Build) hub.Step {
	d := &delayer{site: b.Site}
	if b.Node.Kind() == yamlfile.Map {
		b.Node.Allow("delay", "until")
		d.until = untilOf(b, b.Node.Get("until"))
	} else if b.Node.IsFormula() {
		b.Node.Errorf("E275", `write {until: '=addDuration(now(), body.pause)'}`, "a delay is a fixed pause, or has the time at which the message goes on")
	} else {
		d.pause = pauseOf(b.Node)
	}
	d.queue = b.Timer("due", hub.Chain())
	b.Ends()
	return d
}

// pauseOf reads `delay: 10m`.
func pauseOf(n *yamlfile.Node) time.Duration {
	pause, ok := n.Duration()
	if ok && (pause <= 0 || pause > longest) {
		n.Errorf("E275", "write 30s, 10m, 7d; at most ten years", "a message can't wait for %s", n.Raw())
	}
	return pause
}

// untilOf compiles `delay: {until: =body.at}`; nil: there were problems.
func untilOf(b *pipelines.Build, n *yamlfile.Node) *pipelines.Value {
	const help = "write until: =body.send_at, or until: 2026-12-24T18:00:00Z"
	switch {
	case n == nil && len(b.Node.Keys()) > 0: // another word, which is told
		return nil
	case n.Kind() != yamlfile.Scalar:
		b.Node.Errorf("E275", help, "a delay is a pause, as 10m, or has the time at which the message goes on")
		return nil
	}
	if _, fits := doc.ParseTime(n.Str()); !n.IsFormula() && !fits {
		n.Errorf("E275", help, "%q is no time", n.Raw())
		return nil
	}
	v := b.Value(n, b.Flow.Scope, nil)
	if t := v.Type(); !t.IsAny() && t.Kind != shape.String {
		n.Errorf("E302", "name a field that is a time; iso(…) makes one of Unix seconds", "a time is a text, this is %s", t.Describe())
	}
	return v
}

// Process ends the stage: the message is put where it waits, and the steps behind run from there.
func (d *delayer) Process(_ context.Context, x *hub.Exchange, _ hub.Next) error {
	due := x.Now().Add(d.pause)
	if d.until != nil {
		var err error
		if due, err = d.time(x); err != nil {
			return err
		}
	}
	x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: d.queue, Msg: x.Msg, Vars: x.Vars, Due: due})
	d.site.Note(x, x.Clock(), "delayed", "until "+due.UTC().Format(time.RFC3339))
	return nil
}

// time is what `until` gives. One that is over is taken as it is: the message goes on at once.
func (d *delayer) time(x *hub.Exchange) (time.Time, error) {
	v, err := d.until.Apply(formula.NewFrame(x))
	if err != nil {
		return time.Time{}, err
	}
	due, ok := doc.ParseTime(v.Text())
	switch {
	case !ok:
		return due, hub.Fail(hub.Invalid, "time", "%s is no time to wait for: write it as 2006-01-02T15:04:05Z or 2006-01-02", v.String()).Tell()
	case due.Sub(x.Now()) > longest:
		return due, hub.Fail(hub.Invalid, "time", "%s lies more than ten years ahead", due.Format(time.RFC3339)).Tell()
	}
	return due, nil
}
