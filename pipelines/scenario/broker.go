package scenario

import (
	"context"
	"slices"

	"orderhub/hub"
)

// broker carries the channels that the configuration puts `via` one. It
// outlives the hub: what it was given it brings, at least once.
type broker struct {
	readers []reading
	waiting []parcel
}

type reading struct {
	channel hub.Carried
	hub.Subscription
}

// parcel is a message on its way to a reader.
type parcel struct {
	pipeline string
	msg      *hub.Message
}

// reader is the pipeline that reads a channel; "" for none.
func (b *broker) reader(channel string) string {
	for _, r := range b.readers {
		if r.channel.Name == channel {
			return r.Pipeline
		}
	}
	return ""
}

// publish gives m to the readers that want it.
func (w *world) publish(c hub.Carried, m *hub.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.broker.readers {
		if r.channel.Name != c.Name || !wants(&r, m) {
			continue
		}
		got := m
		if m.Key == "" && r.Key != nil {
			got = m.WithKey(r.Key(m))
		}
		w.broker.waiting = append(w.broker.waiting, parcel{r.Pipeline, got})
		if w.twice {
			w.broker.waiting = append(w.broker.waiting, parcel{r.Pipeline, got})
		}
	}
}

func wants(r *reading, m *hub.Message) bool {
	switch r.channel.Type {
	case "topic":
		return hub.TopicMatch(r.Pattern, m.Headers.Get(hub.HeaderRoutingKey))
	case "headers":
		return m.Headers.Match(r.Match)
	}
	return true
}

// firsts are the places of what need not wait for anything before it: what has no key, and the first of each line and key.
func firsts[T any](list []T, of func(T) (line, key string)) (at []int) {
	seen := map[[2]string]bool{}
	for i, x := range list {
		line, key := of(x)
		if key == "" || !seen[[2]string{line, key}] {
			at = append(at, i)
		}
		seen[[2]string{line, key}] = true
	}
	return at
}

// took removes a parcel that the hub took.
func (w *world) took(p parcel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.broker.waiting, p)
	w.broker.waiting = slices.Delete(w.broker.waiting, i, i+1)
}

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
