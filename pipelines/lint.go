package pipelines

import (
	"slices"

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
	writers := map[string]bool{}
	called := map[*Pipeline]bool{}
	for _, p := range l.Pipelines {
		for _, k := range p.Links {
			if k.called != nil {
				called[k.called] = true
			}
			writers[k.To] = true
		}
	}
	channels := root.Get("channels")
	for _, c := range l.Channels {
		at := channels.KeyNode(c.Name)
		if at == nil {
			continue
		}
		switch {
		case len(c.readers) == 0 && !writers[c.Name]:
			at.Warnf("W212", "remove it, or use it", "nothing reads or writes channel %q", c.Name)
		case channels.Get(c.Name).Get("via") != nil: // others may read and write it
		case len(c.readers) == 0 && c.Type != "direct":
			at.Warnf("W210", "read it with from: "+c.Name+", or make it direct, so that its messages are kept", "nothing reads channel %q: its messages are dropped", c.Name)
		case !writers[c.Name]:
			at.Warnf("W211", "send to it, or remove it", "nothing writes to channel %q", c.Name)
		}
	}
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
	carried := slices.ContainsFunc(l.Channels, func(c *Channel) bool { return channels.Get(c.Name).Get("via") != nil }) // --set may move them to another broker
	for _, a := range l.Adapters {
		if !l.used["adapter "+a.Name] && !writers[a.Name] && (a.Type.Carries == nil || !carried) {
			root.Get("adapters").KeyNode(a.Name).Warnf("W216", "remove it, or use it", "nothing uses adapter %q", a.Name)
		}
	}
	for _, p := range l.Pipelines {
		l.lintSource(&p.From)
		if c := p.From.Channel; p.replies && c != nil && c.Via == nil && !c.place && !called[p] {
			p.reply.Errorf("E267", "remove it, or call: "+c.Name+" somewhere", "nobody waits for this reply: no step calls the channel %s", c.Name)
		}
		if p.From.Call && !called[p] {
			p.node.Warnf("W214", "call it, or remove it", "nothing calls pipeline %q", p.Name)
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
