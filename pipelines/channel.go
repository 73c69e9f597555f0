package pipelines

import (
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

// Channel is an entry of `channels:`, carried by the hub's own store.
type Channel struct {
	Name string
	Type string // direct, topic, fanout, headers
	Line string
	Keep time.Duration

	schema  *schema.Schema
	key     *formula.Formula
	keyLine string // file:line:col of it
	readers []*reader
}

// reader is a pipeline that reads a channel. On a direct channel it takes the
// channel's own queue; on the others it has a queue of its own (EIP Durable Subscriber).
type reader struct {
	pipeline string
	queue    string
	pattern  []string          // topic
	match    map[string]string // headers
}

func (c *Channel) shape() *shape.Type {
	if c.schema != nil {
		return c.schema.Shape()
	}
	return shape.AnyType
}

// queue is where a pipeline's messages of this channel lie.
func (c *Channel) queue(pipeline string) string {
	if c.Type == "direct" {
		return c.Name
	}
	return c.Name + ">" + pipeline
}

func (c *Channel) subscribe(pipeline, arg string, match map[string]string) {
	c.readers = append(c.readers, &reader{pipeline: pipeline, queue: c.queue(pipeline), pattern: wordsOf(arg), match: match})
}

// put adds m to the queues of the channel's readers, in unit u. The message is
// checked against the schema (EIP Datatype Channel) and gets its key.
func (c *Channel) put(x *hub.Exchange, m *hub.Message, routingKey string) error {
	if c.schema != nil {
		v, err := m.Body.Doc()
		if err != nil {
			return err
		}
		if bad := c.schema.Validate(v); bad != nil {
			return bad
		}
	}
	out := *m
	if c.key != nil {
		y := *x
		y.Msg = m
		k, err := c.key.Eval(formula.NewFrame(&y))
		if err != nil {
			return failAt(c.keyLine, fmt.Errorf("key of channel %s: %w", c.Name, err))
		}
		out.Key = k.Text()
		if out.Correlation == "" {
			out.Correlation = out.Key
		}
	} else {
		out.Key = ""
	}
	if routingKey != "" {
		out.Headers = out.Headers.With(hub.HeaderRoutingKey, routingKey)
	}
	if c.Keep > 0 && out.Expires.IsZero() {
		out.Expires = x.Now().Add(c.Keep)
	}
	for _, q := range c.route(&out, routingKey) {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: q, Msg: &out})
	}
	return nil
}

// route finds the queues of a message by the channel's type.
func (c *Channel) route(m *hub.Message, routingKey string) []string {
	if c.Type == "direct" {
		return []string{c.Name}
	}
	var out []string
	var words []string
	for _, r := range c.readers {
		switch c.Type {
		case "topic":
			if words == nil {
				words = wordsOf(routingKey)
			}
			if !hub.TopicMatch(r.pattern, words) {
				continue
			}
		case "headers":
			if !m.Headers.Match(r.match) {
				continue
			}
		}
		out = append(out, r.queue)
	}
	return out
}

// wordsOf are the words of a routing key or a pattern; "" has none.
func wordsOf(key string) []string {
	if key == "" {
		return []string{}
	}
	return strings.Split(key, ".")
}
