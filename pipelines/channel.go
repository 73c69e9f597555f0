package pipelines

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Channel is an entry of `channels:`, carried by the hub's own store or by a broker.
type Channel struct {
	Name string
	Type string // direct, topic, fanout, headers
	Line string
	Keep time.Duration
	Via  *Adapter // nil: the store

	bound   engine.Bound
	standIn bool    // the store stands in for a place of a broker that is not there: it keeps the messages' own keys
	out     *farEnd // the way to the broker that carries it; nil: no step sends
	schema  *schema.Schema
	format  *hub.Format // of its messages at the broker that carries it; nil: their own
	answers *answers    // of its calls; nil: any
	key     *Expr
	readers []*reader
}

// reader is a pipeline that reads a channel. On a direct channel it takes the
// channel's own queue; on the others it has a queue of its own (EIP Durable Subscriber).
type reader struct {
	pipeline string
	queue    string
	pattern  string            // topic
	match    map[string]string // headers
}

func (c *Channel) shape() *shape.Type { return c.schema.Shape() }

// queue is where a pipeline's messages of this channel lie.
func (c *Channel) queue(pipeline string) string {
	if c.Type == "direct" {
		return c.Name
	}
	return c.Name + ">" + pipeline
}

func (c *Channel) subscribe(pipeline, arg string, match map[string]string) {
	c.readers = append(c.readers, &reader{pipeline: pipeline, queue: c.queue(pipeline), pattern: arg, match: match})
}

// Put adds m to x's unit: to the queues of the channel's readers, or to the
// outbox of its broker. name derives the ID that the broker's readers know it
// by: two steps may send one message to one channel.
func (c *Channel) Put(x *hub.Exchange, m *hub.Message, routingKey, name string) error {
	out, err := c.prepare(x, m, routingKey)
	if err != nil {
		return err
	}
	if c.Via != nil {
		if out.ID == x.Msg.ID {
			out.ID = hub.DeriveID(out.ID, name)
		}
		x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: c.out.queue, Target: c.out.of(x), Msg: out})
		return nil
	}
	for _, q := range c.Queues(out, routingKey) {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: q, Msg: out})
	}
	return nil
}

// Fits is the error of a message whose body does not fit the schema (EIP Datatype Channel); nil: it does, or there is no schema.
func Fits(s *schema.Schema, m *hub.Message) *hub.Error {
	if s == nil {
		return nil
	}
	v, err := m.Body.Doc()
	if err != nil {
		return hub.AsError(err)
	}
	return s.Validate(v)
}

// Typed is m with the texts of its body as the schema has them, where its format knows texts only, such as CSV (EIP
// Normalizer): it is a document as any other from here on. It is m itself where there is nothing to do. named is the
// format that the endpoint names: its source may have read the document itself, as a record of a file.
func Typed(s *schema.Schema, m *hub.Message, named *hub.Format) (*hub.Message, error) {
	if f := cmp.Or(named, m.Body.Format()); s == nil || f == nil || !f.Untyped {
		return m, nil
	}
	v, err := m.Body.Doc()
	if err != nil {
		return m, err
	}
	return m.WithBody(hub.DocumentBody(s.Shape().Typed(v))), nil
}

// prepare is m as it lies on the channel: checked, with its key, expiry and routing key.
func (c *Channel) prepare(x *hub.Exchange, m *hub.Message, routingKey string) (*hub.Message, error) {
	if bad := Fits(c.schema, m); bad != nil {
		return nil, bad
	}
	out := *m
	switch {
	case c.standIn:
	case c.key != nil:
		y := *x
		y.Msg = m
		k, err := c.key.Eval(formula.NewFrame(&y))
		if err != nil {
			return nil, failAt(c.key.line, fmt.Errorf("key of channel %s: %w", c.Name, err))
		}
		out.Key = k.Text()
		out.Correlation = cmp.Or(out.Correlation, out.Key)
	default:
		out.Key = ""
	}
	if routingKey != "" {
		out.Headers = out.Headers.With(hub.HeaderRoutingKey, routingKey)
	}
	if end := x.Now().Add(c.Keep); c.Keep > 0 && (out.Expires.IsZero() || end.Before(out.Expires)) {
		out.Expires = end
	}
	return &out, nil
}

// keyOf is the ordering key of a message that a broker brings without one; "" where the formula fails: the pipeline's own check tells why.
func (c *Channel) keyOf(m *hub.Message) string {
	k, err := c.key.Eval(formula.NewFrame(&hub.Exchange{Msg: m}))
	if err != nil {
		return ""
	}
	return k.Text()
}

// subscription is what a pipeline reads of a channel that a broker carries.
func (c *Channel) subscription(hubName string, p *Pipeline) hub.Subscription {
	s := hub.Subscription{Hub: hubName, Pipeline: p.Name, Match: p.From.match}
	if c.Type == "topic" {
		s.Pattern = p.From.Arg
	}
	if len(p.Stages) > 0 {
		s.Lanes = p.Stages[0].Lanes
	}
	if c.key != nil {
		s.Key = c.keyOf
	}
	return s
}

func (c *Channel) carried() hub.Carried { return hub.Carried{Name: c.Name, Type: c.Type} }

// Queues are those in which the store keeps a message on the channel, one for each reader that wants it.
func (c *Channel) Queues(m *hub.Message, routingKey string) (queues []string) {
	if c.Type == "direct" {
		return []string{c.Name}
	}
	for _, r := range c.readers {
		switch c.Type {
		case "topic":
			if !hub.TopicMatch(r.pattern, routingKey) {
				continue
			}
		case "headers":
			if !m.Headers.Match(r.match) {
				continue
			}
		}
		queues = append(queues, r.queue)
	}
	return queues
}

// Subscriptions are all queues that the store keeps the channel's messages in; of one that a broker carries, the outbox.
func (c *Channel) Subscriptions() (queues []string) {
	if c.Via != nil {
		if c.out == nil { // nothing is sent there
			return nil
		}
		return []string{c.out.queue}
	}
	if c.Type == "direct" {
		return []string{c.Name}
	}
	return Names(c.readers, func(r *reader) string { return r.queue })
}

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
	c := l.standInFor(a, place)
	if c.Type == "direct" && len(c.readers) > 0 {
		at.Errorf("E252", "make it a fanout or a topic channel, so that both get each message", "%s has a reader already: %s", c.Name, c.readers[0].pipeline)
		return
	}
	p.From.Adapter, p.From.Channel, p.From.match = nil, c, s.Match
	c.subscribe(p.Name, s.Pattern, s.Match)
}

// standInFor is the channel of the store that stands in for a place of an absent broker.
func (l *loading) standInFor(a *Adapter, place hub.Carried) *Channel {
	name := a.Name + ":" + place.Name
	c := Find(l.standIns, func(c *Channel) bool { return c.Name == name })
	if c == nil {
		c = &Channel{Name: name, Type: place.Type, Line: a.Line, standIn: true}
		l.standIns = append(l.standIns, c)
	}
	return c
}
