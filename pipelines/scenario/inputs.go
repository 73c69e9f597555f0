package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
)

// input is a message that comes to a pipeline from its source.
type input struct {
	pipeline               string
	body                   *value
	headers, params, query []field
}

// input hands the message over as its source does, and again while it is not
// told that it was taken: a client with the same Idempotency-Key, any other source with the same ID.
func (r *run) input(ctx context.Context, in *input, out *reply) error {
	p := r.plan.Pipeline(in.pipeline)
	m, err := r.message(in)
	if err != nil {
		return err
	}
	if p.From.Clock() || p.From.Channel != nil && p.From.Channel.Via == nil {
		return r.put(ctx, &hub.Unit{Puts: []hub.Put{{Queue: p.Stages[0].Queue, Msg: m}}, Root: m.Root(), Correlation: m.Correlation})
	}
	if err := r.hand(ctx, p, m, out); err != nil {
		return err
	}
	if r.twice {
		return r.hand(ctx, p, m, out)
	}
	return nil
}

func (r *run) hand(ctx context.Context, p *pipelines.Pipeline, m *hub.Message, out *reply) error {
	stage := p.Stages[0]
	return r.alive(ctx, func(l *life) error {
		sent := m
		if stage.Answers { // each request has an ID of its own
			r.requests++
			c := *m
			c.ID = m.ID + "~" + strconv.Itoa(r.requests)
			sent = &c
		}
		r.saw(sent)
		got, err := l.rt.Inject(ctx, p.Name, sent)
		if !stage.Answers {
			if errors.Is(err, hub.ErrDuplicate) {
				return nil
			}
			return err
		}
		out.is(got, err)
		return nil
	})
}

// message is the message of an input. Its ID tells its number in the test.
func (r *run) message(in *input) (*hub.Message, error) {
	r.inputs++
	id := "input-" + strconv.Itoa(r.inputs)
	m := &hub.Message{ID: id, Time: r.clock.Now(), Headers: hub.Headers{}}
	fr := r.frame(m)
	body, err := in.body.eval(fr)
	if err != nil {
		return nil, err
	}
	if body.Kind() != doc.Missing {
		m.Body = hub.DocumentBody(body)
		m.Headers[hub.HeaderContentType] = "application/json"
	}
	m.Headers[hub.HeaderIdempotency] = id
	for prefix, list := range map[string][]field{"": in.headers, "param.": in.params, "query.": in.query} {
		if err := texts(m.Headers, prefix, list, fr); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// texts adds the values to h; an empty one takes the name away.
func texts(h hub.Headers, prefix string, list []field, fr *formula.Frame) error {
	for _, f := range list {
		v, err := f.value.eval(fr)
		if err != nil {
			return err
		}
		if h[prefix+f.name] = v.Text(); v.Text() == "" {
			delete(h, prefix+f.name)
		}
	}
	return nil
}

// put commits what the test itself puts into the store: it stands for what
// another part of the hub did, exactly once.
func (r *run) put(ctx context.Context, u *hub.Unit) error {
	for i := range u.Puts {
		r.saw(u.Puts[i].Msg)
	}
	r.life.quiet = true
	defer func() { r.life.quiet = false }()
	return r.life.rt.Commit(ctx, u)
}

// sending is a message for a channel.
type sending struct {
	channel, key string
	keyed        *formula.Formula // the channel's own key
	headers      []field
	body         *value
}

func (r *run) send(ctx context.Context, s *sending) error {
	c := r.plan.Channel(s.channel)
	m, err := r.message(&input{body: s.body, headers: s.headers})
	if err != nil {
		return err
	}
	delete(m.Headers, hub.HeaderIdempotency)
	if m.Key = s.key; c.Type == "topic" {
		m.Key, m.Headers[hub.HeaderRoutingKey] = "", s.key
	}
	if s.keyed != nil && m.Key == "" {
		k, err := s.keyed.Eval(r.frame(m))
		if err != nil {
			return fmt.Errorf("key of channel %s: %w", c.Name, err)
		}
		m.Key = k.Text()
	}
	m.Correlation = m.Key
	if c.Via != nil {
		r.publish(hub.Carried{Name: c.Name, Type: c.Type}, m)
		return nil
	}
	u := &hub.Unit{Root: m.Root(), Correlation: m.Correlation}
	for _, queue := range c.Queues(m, s.key) {
		u.Puts = append(u.Puts, hub.Put{Queue: queue, Msg: m})
	}
	return r.put(ctx, u)
}
