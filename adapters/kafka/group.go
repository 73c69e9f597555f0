package kafka

import (
	"context"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"github.com/segmentio/kafka-go/protocol/syncgroup"

	"orderhub/hub"
)

// times are the intervals of sources. Tests make them shorter.
type times struct {
	heartbeat time.Duration // how soon a member hears of a rebalance
	session   time.Duration // a member that is silent for so long is dead, and others take its partitions
	rebalance time.Duration // how long the group waits for members that finish their work
	drain     time.Duration // after that, handlers are told to give up
	commit    time.Duration
	watch     time.Duration // how soon new partitions, and a new topic of the old name, are seen
	leave     time.Duration // patience for a clean farewell
}

var usualTimes = times{
	heartbeat: time.Second, session: 10 * time.Second, rebalance: 30 * time.Second, drain: 20 * time.Second,
	commit: time.Second, watch: 5 * time.Second, leave: 5 * time.Second,
}

// group is our membership of a consumer group, by the protocol of Kafka's own clients (type consumer, classic). The
// library's ConsumerGroup is not used, because it writes subscriptions that other clients can't read.
type group struct {
	*run
	member string // the name that the coordinator gave us; "": none yet
}

// share is our part in one generation of a group.
type share struct {
	generation int32
	member     string
	partitions []int          // of the source's topic
	counts     map[string]int // when we lead: partitions of the group's other topics, which are ours to watch
}

// longestJoin is how long other members may delay a rebalance: the usual max.poll.interval of clients, and a little.
const longestJoin = 5*time.Minute + 10*time.Second

// outCodes say that the group has gone on without us.
var outCodes = []kafka.Error{kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.FencedInstanceID}

// next waits for our share of the group's next generation.
func (g *group) next(ctx context.Context) (s *share, err error) {
	for ctx.Err() == nil {
		s, err = patient(ctx, g.env.Clock, func() (*share, error) { return g.round(ctx) })
		switch {
		case isCode(err, kafka.MemberIDRequired, kafka.RebalanceInProgress): // join again, with the name
		case isCode(err, outCodes...):
			g.member = ""
		case isCode(err, kafka.InconsistentGroupProtocol):
			return nil, hub.Fail(hub.Unavailable, "group_protocol", "group %s has members that share partitions in a way of their own; give their "+
				"partition.assignment.strategy one of %s as well, or give this source a group of its own: %w", g.Source.group, protocolNames(), err)
		default:
			return s, err
		}
	}
	return nil, ctx.Err()
}

// round joins the group and returns our share. It waits for the other members to finish their work.
func (g *group) round(ctx context.Context) (*share, error) {
	ctx, cancel := context.WithTimeout(ctx, longestJoin)
	defer cancel()
	defer g.tellSlow(ctx)()
	joined, err := g.join(ctx)
	if err != nil {
		return nil, err
	}
	s := &share{generation: joined.GenerationID, member: g.member}
	req := &syncgroup.Request{GroupID: g.Source.group, GenerationID: s.generation, MemberID: s.member,
		ProtocolType: protocolType, ProtocolName: joined.ProtocolName}
	if joined.LeaderID == joined.MemberID {
		if req.Assignments, s.counts, err = g.lead(ctx, joined); err != nil {
			return nil, err
		}
		delete(s.counts, g.topic)
	}
	r, err := g.link.transport.RoundTrip(ctx, g.link.addr, req)
	if err != nil {
		return nil, err
	}
	answer := r.(*syncgroup.Response)
	if answer.ErrorCode != 0 {
		return nil, kafka.Error(answer.ErrorCode)
	}
	if s.partitions, err = parseAssignment(answer.Assignments, g.topic); err != nil {
		return nil, err
	}
	g.env.Log.Debug("share of the group", "topic", g.topic, "group", g.Source.group, "generation", s.generation, "protocol", joined.ProtocolName,
		"leads", s.counts != nil, "partitions", s.partitions)
	return s, nil
}

func (g *group) join(ctx context.Context) (*joingroup.Response, error) {
	req := &joingroup.Request{GroupID: g.Source.group, MemberID: g.member, ProtocolType: protocolType,
		SessionTimeoutMS: int32(g.times.session.Milliseconds()), RebalanceTimeoutMS: int32(g.times.rebalance.Milliseconds())}
	for _, name := range protocols {
		req.Protocols = append(req.Protocols, joingroup.RequestProtocol{Name: name, Metadata: subscribe(g.topic)})
	}
	r, err := g.link.transport.RoundTrip(ctx, g.link.addr, req)
	if err != nil {
		return nil, err
	}
	answer := r.(*joingroup.Response)
	if answer.ErrorCode == 0 || isCode(kafka.Error(answer.ErrorCode), kafka.MemberIDRequired) {
		g.member = answer.MemberID
	}
	if answer.ErrorCode != 0 {
		return nil, kafka.Error(answer.ErrorCode)
	}
	return answer, nil
}

// lead assigns the partitions to all members, as the leader of a group has to. If that fails for one of them, it fails
// as a whole: the error makes us leave, and another member leads.
func (g *group) lead(ctx context.Context, joined *joingroup.Response) (out []syncgroup.RequestAssignment, counts map[string]int, err error) {
	members, counts := make([]member, len(joined.Members)), map[string]int{}
	for i, m := range joined.Members {
		if members[i], err = parseSubscription(m.MemberID, m.Metadata); err != nil {
			return nil, nil, err
		}
		for _, topic := range members[i].topics {
			if _, known := counts[topic]; known {
				continue
			}
			state, err := g.link.state(ctx, topic)
			if err != nil {
				return nil, nil, fmt.Errorf("topic %s of member %s: %w", topic, m.MemberID, err)
			}
			counts[topic] = len(state.leaders)
		}
	}
	for id, topics := range assign(joined.ProtocolName, members, counts) {
		out = append(out, syncgroup.RequestAssignment{MemberID: id, Assignment: appendAssignment(nil, topics)})
	}
	return out, counts, nil
}

// tellSlow warns when the group makes us wait for longer than its members should need. The returned function ends it.
func (g *group) tellSlow(ctx context.Context) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		if hub.Pause(ctx, g.env.Clock, 2*g.times.rebalance) {
			g.env.Log.Warn("the group waits for its other members, nothing is read meanwhile", "topic", g.topic, "group", g.Source.group)
		}
	}()
	return cancel
}

// leave tells the group that we go, so that the others need not wait for our session to end.
func (g *group) leave() {
	if g.member == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), g.times.leave)
	defer cancel()
	_, err := g.link.client.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: g.Source.group, Members: []kafka.LeaveGroupRequestMember{{ID: g.member}}})
	if err != nil {
		g.env.Log.Debug("not told that we leave", "topic", g.topic, "group", g.Source.group, "error", err)
	}
}

// heartbeat tells the group's coordinator that a member is alive, in version 2 of the protocol. The library would send
// its own request to any broker.
func (l *link) heartbeat(ctx context.Context, group string, s *share) error {
	code, err := ask[kafka.Error](ctx, l, l.timeout, &toGroup[kafka.Error]{group: group, request: request[kafka.Error]{
		key: protocol.Heartbeat, client: l.name, version: exactly(2),
		body: func(b []byte) []byte { return appendText(appendInts(appendText(b, group), s.generation), s.member) },
		parse: func(w *wire) (kafka.Error, error) {
			w.int32() // throttled
			return kafka.Error(w.int16()), nil
		},
	}})
	if err == nil && code != 0 {
		err = code
	}
	return err
}

// beat sends heartbeats until ctx is done, also while handlers finish. It ends the generation when the group is rebalanced, and when the group has
// gone on without us: because it says so, or because it has heard nothing for so long.
func (g *generation) beat(ctx context.Context) {
	heard := g.env.Clock.Now()
	for hub.Pause(ctx, g.env.Clock, g.times.heartbeat) {
		err := g.link.heartbeat(ctx, g.Source.group, g.share)
		switch now := g.env.Clock.Now(); {
		case ctx.Err() != nil:
			return
		case err == nil:
			heard = now
		case isCode(err, kafka.RebalanceInProgress):
			heard = now
			g.stop(nil)
		case isCode(err, outCodes...), now.Sub(heard) >= g.times.session:
			g.env.Log.Warn("the group has gone on without this member, its partitions are others' now",
				"topic", g.topic, "group", g.Source.group, "error", err)
			g.expel()
			return
		}
	}
}
