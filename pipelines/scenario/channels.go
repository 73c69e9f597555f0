package scenario

import (
	"context"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
)

// findQueues learns which channel's messages lie in which queue of the store.
func (r *run) findQueues() {
	for _, c := range r.plan.Channels {
		if c.Via == nil && c.Type == "direct" {
			r.queues[c.Name] = c.Name
		}
	}
	for _, p := range r.plan.Pipelines {
		if c := p.From.Channel; c != nil && c.Via == nil && len(p.Stages) > 0 {
			r.queues[p.Stages[0].Queue] = c.Name
		}
	}
}

// readersOf are the queues of a message on a channel that the store carries.
func (r *run) readersOf(c *pipelines.Channel, m *hub.Message) (queues []string) {
	if c.Type == "direct" {
		return []string{c.Name}
	}
	for _, p := range r.plan.Pipelines {
		if p.From.Channel != c || len(p.Stages) == 0 {
			continue
		}
		s := &reading{hub.Carried{Name: c.Name, Type: c.Type}, hub.Subscription{Pattern: p.From.Arg, Match: matchOf(p.From.Arg)}}
		if wants(s, m) {
			queues = append(queues, p.Stages[0].Queue)
		}
	}
	return queues
}

// matchOf reads the headers of a subscription, as "region=eu kind=order".
func matchOf(arg string) hub.Headers {
	h := hub.Headers{}
	for part := range strings.FieldsSeq(arg) {
		if name, value, ok := strings.Cut(part, "="); ok {
			h[strings.ToLower(name)] = value
		}
	}
	return h
}

// standIn puts the mocks of channels in the place of their readers, for requests.
func (r *run) standIn() {
	for _, p := range r.plan.Pipelines {
		c := p.From.Channel
		if c == nil || c.Via != nil || len(p.Stages) == 0 || r.stages[p.Stages[0]] != nil {
			continue
		}
		stage := p.Stages[0]
		run := stage.Run
		r.stages[stage] = run
		stage.Run = func(ctx context.Context, x *hub.Exchange) error {
			if x.Msg.Headers[hub.HeaderReplyTo] == "" || !r.mocked(c.Name) {
				return run(ctx, x)
			}
			reply, err := r.life.call(c.Name, x.Msg)
			if err != nil {
				return hub.At(err, c.Name, "")
			}
			x.Unit.Reply = reply
			return nil
		}
	}
}

// standBack gives the readers their places again.
func (r *run) standBack() {
	for stage, run := range r.stages {
		stage.Run = run
	}
}
