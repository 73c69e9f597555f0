package pipelines

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// via finds the broker that carries channel c; nil: the store does.
func (l *loading) via(c *Channel, n *yamlfile.Node) *Adapter {
	name := n.Str()
	a := l.Adapter(name)
	switch {
	case name == "" || l.broken[name]:
		return nil
	case a == nil:
		n.Errorf("E223", didYouMean(name, l.brokers()), "unknown adapter %q: `via` names the broker that carries the channel", name)
		return nil
	case a.Type.Carries == nil:
		n.Errorf("E223", "name a broker, or leave `via` out: then the hub's own store carries the channel", "the adapter %s (%s) carries no channels", name, a.Type.Name)
		return nil
	}
	l.used["adapter "+name] = true
	remark, ok := a.Type.Carries[c.Type]
	if !ok {
		n.Errorf("E223", "it carries "+strings.Join(sortedKeys(a.Type.Carries), ", "), "the adapter %s (%s) carries no %s channels", name, a.Type.Name, c.Type)
		return nil
	}
	if a.absent {
		return nil
	}
	if remark != "" {
		n.Warnf("W217", remark, "%s carries a %s channel its own way", a.Type.Name, c.Type)
	}
	return a
}

func (l *loading) brokers() []string {
	var out []string
	for _, a := range l.Adapters {
		if a.Type.Carries != nil {
			out = append(out, a.Name)
		}
	}
	return out
}

// standIn makes the pipeline read a place of an absent broker from the store.
func (l *loading) standIn(p *Pipeline, a *Adapter, at *yamlfile.Node) {
	place, s, err := a.Type.Place(p.From.Arg, p.From.cfg)
	if err != nil {
		at.Errorf("E224", "give the adapter "+a.Name+" its address", "the hub runs without %s, and its store can't stand in: %s", a.Name, err)
		return
	}
	c := l.place(a, place)
	if c.Type == "direct" && len(c.readers) > 0 {
		at.Errorf("E252", "make it a fanout or a topic channel, so that both get each message", "%s has a reader already: %s", c.Name, c.readers[0].pipeline)
		return
	}
	p.From.Adapter, p.From.Channel, p.From.match = nil, c, s.Match
	c.subscribe(p.Name, s.Pattern, s.Match)
}

// place is the channel of the store that stands in for a place of an absent broker.
func (l *loading) place(a *Adapter, place hub.Carried) *Channel {
	name := a.Name + ":" + place.Name
	i := slices.IndexFunc(l.places, func(c *Channel) bool { return c.Name == name })
	if i < 0 {
		l.places = append(l.places, &Channel{Name: name, Type: place.Type, Line: a.Line, place: true})
		i = len(l.places) - 1
	}
	return l.places[i]
}
