package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Sender publishes a message to a channel or to an adapter: what `send:`,
// `wire_tap:` and the reactions to errors name.
type Sender struct {
	Name string // channel or adapter

	channel *Channel
	target  *farEnd
	pattern string       // routing key that the text behind the name of an absent broker says
	arg     *Value       // routing key of a topic
	options HeaderValues // options of an adapter's target: become headers
	lists   []listOption // of these
	data    *Value       // becomes the body
	headers HeaderValues
	formats *formats
	format  *hub.Format // that its bytes are written in; nil: JSON, or what they came in
	ttl     ttl
	frames  formula.Frames
}

// Sender compiles the destination n: `orders`, `{order.events: order.paid}`,
// `{mail: order-status, to: =body.email, data: =body}`; and the modifiers
// `with`, `headers` and `expires` of the step.
func (b *Build) Sender(n *yamlfile.Node) *Sender {
	name, at := nameOf(n)
	if at == nil {
		n.Errorf("E230", "write send: orders, or send: {mail: template, to: =body.email}", "the destination is missing")
		return nil
	}
	s, arg := &Sender{Name: name}, n.Get(name)
	if s.channel = b.plan.Channel(s.Name); s.channel != nil {
		b.toChannel(s, n, arg)
	} else if a := b.plan.Adapter(s.Name); a != nil {
		b.toAdapter(s, a, n, arg)
	} else if b.plan.broken[s.Name] {
		return nil
	} else {
		b.plan.unknownEnd(at, s.Name)
		return nil
	}
	b.payload(s)
	return s
}

func (b *Build) toChannel(s *Sender, n, arg *yamlfile.Node) {
	if arg != nil {
		n.Allow("send", s.Name)
		s.arg = b.Value(arg, b.Flow.Scope, shape.StringType)
	}
	if s.channel.Type == "topic" && arg == nil {
		n.Errorf("E232", "write send: {"+s.Name+": order.paid}", "%s is a topic: its messages need a routing key", s.Name)
	}
	if s.channel.Type != "topic" && arg != nil {
		n.KeyNode(s.Name).Errorf("E232", "write send: "+s.Name, "%s is a %s channel: it takes no routing key", s.Name, s.channel.Type)
	}
	b.pl.keeps = b.pl.keeps || s.channel.Via == nil && (s.channel.Type == "direct" || len(s.channel.readers) > 0)
	if s.channel.Via != nil {
		s.channel.out = s.channel.Via.carried(s.channel, false)
	}
	b.leadsTo(Destination{To: s.Name, Verb: "send", Arg: arg.Raw()})
}

func (b *Build) toAdapter(s *Sender, a *Adapter, n, arg *yamlfile.Node) {
	if a.Type.Send == nil {
		n.Errorf("E233", "send to a channel, or call one of its operations", "the adapter %s (%s) takes no messages", a.Name, a.Type.Name)
		return
	}
	text, at := arg.Str(), cmp.Or(arg, n)
	if arg.IsFormula() { // it names a far end, which is opened before there is a message
		arg.Errorf("E237", "write a plain text; what differs from message to message is an option of "+a.Type.Name+" or a header: hub docs "+a.Type.Name, "the text behind %s takes no formula", a.Name)
		return
	}
	if check := a.Type.CheckTarget; check != nil {
		for _, f := range check(text) {
			b.plan.faultAt(n, at, f)
		}
	}
	if a.absent {
		b.toStandIn(s, a, text, at)
	} else {
		s.target = a.farEnd(text, false)
	}
	b.checkHeaders(a, text)
	known, required := yamlfile.Fields(a.Type.Send())
	s.options, s.lists = HeaderValues{}, listOptions(a.Type.Send(), n, b.Modifier("headers"))
	if n.Kind() == yamlfile.Map {
		n.Allow(a.Type.Name+" send", slices.Concat([]string{a.Name, "data"}, known)...)
		for key, value := range n.Entries() {
			switch name := key.Raw(); {
			case name == a.Name:
			case name == "data":
				s.data = b.Value(value, b.Flow.Scope, nil)
			case slices.Contains(known, name):
				s.options[name] = b.Value(value, b.Flow.Scope, nil)
			}
		}
	}
	for _, name := range required {
		if s.options[name] == nil && n.Get(name) == nil {
			n.Errorf("E234", "add "+name+": =…", "%s needs `%s`", a.Type.Name, name)
		}
	}
	b.leadsTo(Destination{To: a.Name, Verb: "send", Arg: text})
}

// toStandIn sends to a place of an absent broker, which the store stands in for.
func (b *Build) toStandIn(s *Sender, a *Adapter, text string, at *yamlfile.Node) {
	place, sub, err := a.Type.Place(text, nil)
	if err != nil {
		at.Errorf("E224", "give the adapter "+a.Name+" its address", "the hub runs without %s, and its store can't stand in: %s", a.Name, err)
		return
	}
	s.channel, s.pattern = b.plan.standInFor(a, place), sub.Pattern
	b.pl.keeps = true
}

// payload compiles with:, headers: and expires:.
func (b *Build) payload(s *Sender) {
	if n := b.Modifier("with"); n != nil {
		var target *shape.Type
		if s.channel != nil {
			target = s.channel.shape()
		}
		s.data = b.Value(n, b.Flow.Scope, target)
	} else if s.data == nil && s.channel != nil && s.channel.schema != nil && !b.Flow.onError {
		b.fits(s)
	}
	s.headers, s.formats = b.Headers(), b.plan.formats
	if n := b.Modifier("format"); n != nil {
		s.format = b.plan.formatOf(n)
	} else if s.channel != nil {
		s.format = s.channel.format
	}
	if n := b.Modifier("expires"); n != nil {
		s.ttl = readTTL(n)
	} else if b.Flow.onError { // what tells of a message that expired does not expire with it
		s.ttl = forever
	}
}

// fits checks the body's type against the channel's schema.
func (b *Build) fits(s *Sender) {
	body := b.Flow.Body()
	if body.IsAny() {
		return
	}
	found := shape.Assignable(body, s.channel.shape())
	if len(found) == 0 {
		return
	}
	var said []string
	for i, m := range found {
		if i == 5 {
			said = append(said, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		said = append(said, m.Message)
	}
	b.Node.Errorf("E303", help(found[0].Message, found[0].Help, b.Flow.Scope), "what is sent to %s does not fit its schema: %s", s.Name, strings.Join(said, "; "))
}

// Send publishes what the step says about x.Msg in x's unit. name derives the ID of a message with other content.
func (s *Sender) Send(x *hub.Exchange, name string) error {
	fr := s.frames.Get(x)
	defer s.frames.Put(fr)
	m := *x.Msg
	if s.data != nil {
		v, err := s.data.Apply(fr)
		if err != nil {
			return err
		}
		m = *m.WithBody(hub.DocumentBody(v))
		m.ID = hub.DeriveID(x.Msg.ID, name)
	}
	var err error
	if m.Headers, err = s.headers.Apply(fr, m.Headers); err != nil {
		return err
	}
	if m.Headers, err = s.options.Apply(fr, m.Headers); err != nil {
		return err
	}
	if m.Headers, err = s.entries(fr, m.Headers); err != nil {
		return err
	}
	if err := s.formats.written(&m, s.format, s.headers[hub.HeaderContentType] != nil, s.channel != nil); err != nil {
		return err
	}
	m.Expires = s.ttl.from(x)
	if s.channel != nil {
		key := s.pattern
		if s.channel.standIn && key == "" {
			key = cmp.Or(m.Headers.Get("routing_key"), m.Headers.Get(hub.HeaderRoutingKey))
		}
		if s.arg != nil {
			v, err := s.arg.Apply(fr)
			if err != nil {
				return err
			}
			key = v.Text()
		}
		return s.channel.Put(x, &m, key, name)
	}
	x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: s.target.queue, Target: s.target.of(x), Msg: &m})
	return nil
}
