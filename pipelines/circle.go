package pipelines

import (
	"orderhub/hub"

	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
)

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
		for _, k := range p.Links {
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

// behind are the pipelines that run for every message of link k.
func (l *loading) behind(k Link, calls bool) []*Pipeline {
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
		if c.Type != "topic" || literal && hub.TopicMatch(r.pattern, wordsOf(k.Arg)) || slices.Equal(r.pattern, []string{"#"}) {
			out = append(out, l.Pipeline(r.pipeline))
		}
	}
	return out
}

// circle reports one, where the link that closes it stands.
func (l *loading) circle(way []*Pipeline, last Link, calls bool, told map[*Pipeline]bool) {
	for _, p := range way {
		if told[p] {
			return
		}
	}
	for _, p := range way {
		told[p] = true
	}
	list := strings.Join(append(names(way, func(p *Pipeline) string { return p.Name }), way[0].Name), " → ")
	if calls {
		last.at.Errorf("E245", "send to a channel instead, or do it in one pipeline", "these pipelines call each other in a circle: %s", list)
		return
	}
	last.at.Errorf("E150", "add when:, expires:, a filter or idempotent on the way", "every message goes round for ever: %s", list)
}

// keepHistory makes pipelines keep the history of every message when one that they call changes the store.
func (l *loading) keepHistory() {
	for changed := true; changed; {
		changed = false
		for _, p := range l.Pipelines {
			for _, k := range p.Links {
				if k.called != nil && k.called.keeps && !p.keeps {
					p.keeps, changed = true, true
				}
			}
		}
	}
	for _, p := range l.Pipelines {
		for _, s := range p.Stages {
			s.Trace = s.Trace || p.keeps
		}
	}
}

// link adds to what the graph shows of the pipeline.
func (b *Build) link(l Link) {
	l.Error, l.Copy, l.at = b.Flow.onError, b.pattern != nil && b.pattern.Copies, b.Node
	l.certain = !b.Flow.onError && !b.nested && !b.pl.gated && b.Modifier("when") == nil && b.Modifier("expires") == nil
	if l.at.Kind() == yamlfile.Null {
		l.at = b.Step
	}
	b.pl.Links = append(b.pl.Links, l)
}
