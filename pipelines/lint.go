package pipelines

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// lint finds what is wrong with the whole: channels nobody reads or writes,
// declared things nobody uses. What has errors is not looked at: a step that
// could not be compiled may use them.
func (l *loading) lint(root *yamlfile.Node) {
	if l.problems.Errors() > 0 {
		return
	}
	l.lintLinks(root)
	writers, called := map[string]bool{}, map[*Pipeline]bool{}
	for _, p := range l.Pipelines {
		for _, k := range p.Destinations {
			if k.called != nil {
				called[k.called] = true
			}
			writers[k.To] = true
		}
	}
	for _, c := range l.Channels {
		l.lintChannel(c, root.Get("channels"), writers[c.Name])
	}
	l.lintUnused(root, writers)
	for _, p := range l.Pipelines {
		l.lintSource(&p.From)
		if c := p.From.Channel; p.replies && c != nil && c.Via == nil && !c.standIn && !called[p] {
			p.reply.Errorf("E267", "remove it, or call: "+c.Name+" somewhere", "nobody waits for this reply: no step calls the channel %s", c.Name)
		}
		if p.From.Call && !called[p] {
			p.node.Warnf("W214", "call it, or remove it", "nothing calls pipeline %q", p.Name)
		}
	}
}

// lintChannel warns of a channel that lacks a reader or a writer.
func (l *loading) lintChannel(c *Channel, channels *yamlfile.Node, written bool) {
	at := channels.KeyNode(c.Name)
	if at == nil {
		return
	}
	switch {
	case len(c.readers) == 0 && !written:
		at.Warnf("W212", "remove it, or use it", "nothing reads or writes channel %q", c.Name)
	case channels.Get(c.Name).Get("via") != nil: // others may read and write it
	case len(c.readers) == 0 && c.Type != "direct":
		at.Warnf("W210", "read it with from: "+c.Name+", or make it direct, so that its messages are kept", "nothing reads channel %q: its messages are dropped", c.Name)
	case !written:
		at.Warnf("W211", "send to it, or remove it", "nothing writes to channel %q", c.Name)
	}
}

// lintUnused warns of retries, schemas and adapters that nothing names.
func (l *loading) lintUnused(root *yamlfile.Node, writers map[string]bool) {
	for name := range l.retries {
		if !l.used["retry "+name] {
			root.Get("retries").KeyNode(name).Warnf("W213", "remove it", "nothing uses retry %q", name)
		}
	}
	for name := range l.schemas {
		if !l.used["schema "+name] {
			root.Get("schemas").KeyNode(name).Warnf("W215", "remove it, or name it at a channel or a source: schema: "+name, "nothing uses schema %q", name)
		}
	}
	channels := root.Get("channels")
	carried := slices.ContainsFunc(l.Channels, func(c *Channel) bool { return channels.Get(c.Name).Get("via") != nil }) // --set may move them to another broker
	for _, a := range l.Adapters {
		if !l.used["adapter "+a.Name] && !writers[a.Name] && (a.Type.Carries == nil || !carried) {
			root.Get("adapters").KeyNode(a.Name).Warnf("W216", "remove it, or use it", "nothing uses adapter %q", a.Name)
		}
	}
}

// lintSource tells what may not be meant of a source from outside.
func (l *loading) lintSource(f *From) {
	if !f.outside() || f.Adapter == nil || f.Adapter.Type.Doubt == nil {
		return
	}
	at := f.node
	if at.Kind() == yamlfile.Map {
		at = at.Get(f.Adapter.Name)
	}
	for _, d := range f.Adapter.Type.Doubt(f.Adapter.cfg, f.Arg, f.cfg) {
		at.Warnf("W219", d.Help, "%s", d.Message)
	}
}

// circles reports pipelines that call each other in a circle, which no stack
// holds, and channels in which every message goes round for ever. A circle
// that a condition, a filter or an expiry may end is the user's own.
func (l *loading) circles() {
	var way []*Pipeline
	told := map[*Pipeline]bool{}
	var follow func(p *Pipeline, calls bool)
	follow = func(p *Pipeline, calls bool) {
		way = append(way, p)
		defer func() { way = way[:len(way)-1] }()
		for _, k := range p.Destinations {
			for _, next := range l.behind(k, calls) {
				if i := slices.Index(way, next); i >= 0 {
					l.circle(way[i:], k, calls, told)
				} else if len(way) < len(l.Pipelines) && !told[next] {
					follow(next, calls)
				}
			}
		}
	}
	for _, calls := range []bool{true, false} {
		for _, p := range l.Pipelines {
			if !told[p] {
				follow(p, calls)
			}
			told[p] = true // all ways from here are known
		}
		clear(told)
	}
}

// behind are the pipelines that run for every message that goes to k.
func (l *loading) behind(k Destination, calls bool) []*Pipeline {
	if calls {
		if k.called == nil {
			return nil
		}
		return []*Pipeline{k.called}
	}
	c := l.Channel(k.To)
	if c == nil || !k.certain || k.asks || c.Type == "headers" {
		return nil
	}
	var out []*Pipeline
	for _, r := range c.readers {
		literal := !strings.HasPrefix(k.Arg, "=")
		if c.Type != "topic" || literal && hub.TopicMatch(r.pattern, k.Arg) || r.pattern == "#" {
			out = append(out, l.Pipeline(r.pipeline))
		}
	}
	return out
}

// circle reports one, where the step that closes it stands.
func (l *loading) circle(way []*Pipeline, last Destination, calls bool, told map[*Pipeline]bool) {
	for _, p := range way {
		if told[p] {
			return
		}
	}
	for _, p := range way {
		told[p] = true
	}
	list := strings.Join(append(Names(way, func(p *Pipeline) string { return p.Name }), way[0].Name), " → ")
	if calls {
		last.at.Errorf("E245", "send to a channel instead, or do it in one pipeline", "these pipelines call each other in a circle: %s", list)
		return
	}
	last.at.Errorf("E150", "add when:, expires:, a filter or idempotent on the way", "every message goes round for ever: %s", list)
}

// keeping notes that a pipeline changes the store when one that it calls does.
func (l *loading) keeping() {
	for changed := true; changed; {
		changed = false
		for _, p := range l.Pipelines {
			for _, k := range p.Destinations {
				if k.called != nil && k.called.keeps && !p.keeps {
					p.keeps, changed = true, true
				}
			}
		}
	}
	for _, p := range l.Pipelines {
		for _, s := range p.Stages {
			s.Keeps = s.Keeps || p.keeps
		}
	}
}

// leadsTo notes a place that the messages of the pipeline go to.
func (b *Build) leadsTo(d Destination) {
	d.Error, d.Copy, d.at = b.Flow.onError, b.pattern != nil && b.pattern.Copies, b.Node
	d.certain = !b.Flow.onError && !b.nested && !b.pl.gated && b.Modifier("when") == nil && b.Modifier("expires") == nil
	if d.at.Kind() == yamlfile.Null {
		d.at = b.Step
	}
	b.pl.Destinations = append(b.pl.Destinations, d)
}
