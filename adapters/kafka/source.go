package kafka

import (
	"context"
	"fmt"
	"sync"

	"orderhub/hub"
)

// Source brings the records of a topic, as a member of a consumer group. The message of a record has the same ID each
// time it comes: topic, the topic's own ID, partition and offset; on a channel it is the sender's.
type Source struct {
	adapter *Adapter
	cfg     SourceConfig
	topic   string
	group   string
	create  Create // how the topic is made when it is missing; without partitions it is not
	form    form
	keyOf   func(*hub.Message) string // of a message that has no key; nil: it has none
	wanted  filter
	times   times

	mu      sync.Mutex
	topicID string    // the one that was read last
	noKey   sync.Once // warned of records without key
}

var _ hub.Source = (*Source)(nil)

// run is one Run of a source.
type run struct {
	*Source
	ctx     context.Context
	env     *hub.Env
	handler hub.Handler
	link    *link
	state   topicState
	anew    bool // the topic is not the one that was read before, and on_lost says to go on
}

// Run reads until ctx is done. It returns an error when the connection or the group is lost, and when somebody has to decide about a lost position
// (reason needs_decision). When it returns, no handler runs, and what they finished is committed, unless the brokers can't be reached.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	r := &run{Source: s, ctx: ctx, env: s.adapter.env, handler: h, link: s.adapter.link(s.topic)}
	defer r.link.close()
	err := r.begin()
	if err == nil {
		hub.Reads(h, nil) // the brokers are there; to join the group takes its time
		err = r.follow()
	}
	if ctx.Err() != nil {
		return nil
	}
	return classify(s.topic, err)
}

// begin looks at the topic.
func (r *run) begin() error {
	state, err := r.link.ensure(r.ctx, r.topic, r.create)
	if err != nil {
		return err
	}
	r.state = state
	return r.sameTopic(state)
}

// sameTopic fails when the topic is another one of the same name, unless on_lost says to go on.
func (r *run) sameTopic(now topicState) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case now.id == "" || now.id == r.topicID:
	case r.topicID == "":
		r.topicID = now.id
	case r.cfg.OnLost == lostStop:
		return r.recreated()
	default:
		r.env.Log.Warn("topic was deleted and made anew", "topic", r.topic, "group", r.Source.group, "on_lost", r.cfg.OnLost)
		r.topicID, r.anew = now.id, true
	}
	return nil
}

func (r *run) recreated() error {
	return decide("topic %s was deleted and made anew: what the group %s had not read is gone; %s", r.topic, r.Source.group, r.wayOut())
}

// wayOut says what to do about a lost position.
func (s *Source) wayOut() string {
	tool := fmt.Sprintf("set the offset with kafka-consumer-groups.sh --reset-offsets --group %s --topic %s --to-earliest --execute", s.group, s.topic)
	if s.form == onChannel {
		return tool
	}
	return "set on_lost: earliest or latest, or " + tool
}

// decide returns the error of a source that stops until somebody decides.
func decide(format string, args ...any) error {
	return hub.Fail(hub.Rejected, "needs_decision", format, args...)
}

// follow takes part in the group, generation after generation.
func (r *run) follow() error {
	g := &group{run: r}
	defer g.leave()
	for {
		share, err := g.next(r.ctx)
		if err != nil {
			return err
		}
		if err := r.generation(share); err != nil || r.ctx.Err() != nil {
			return err
		}
	}
}
