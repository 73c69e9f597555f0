package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

// use is what something that was opened needs at the brokers.
type use struct {
	topic  string
	create Create // how the hub makes it; no partitions: it has to be there
	right  right
	group  string // "": none
	wayOut string // what to do when the group's position is lost; "": it goes on by itself
}

// right is what the brokers must allow us to do with a topic.
type right struct {
	name string // as Kafka's tools have it
	bit  int    // in what the brokers tell
}

var (
	rightRead  = right{"Read", 3}
	rightWrite = right{"Write", 4}
)

func (a *Adapter) want(u use) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.uses, u) {
		a.uses = append(a.uses, u)
	}
}

// Inspect compares what was opened with what the brokers have. It changes nothing.
func (a *Adapter) Inspect(ctx context.Context) (findings []string, err error) {
	a.mu.Lock()
	uses := slices.Clone(a.uses)
	a.mu.Unlock()
	for _, u := range uses {
		found, err := a.inspect(ctx, u)
		if err != nil {
			return nil, classify(u.topic, err)
		}
		for _, f := range found {
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
	}
	return findings, nil
}

func (a *Adapter) inspect(ctx context.Context, u use) (findings []string, err error) {
	found := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	l := a.link(u.topic)
	defer l.close()
	state, err := l.state(ctx, u.topic)
	switch {
	case isCode(err, kafka.TopicAuthorizationFailed):
		found("no right to see topic %s: %s", u.topic, a.grant(u.right.name, "--topic "+u.topic))
		return findings, nil
	case err != nil:
		return nil, err
	case !state.there() && u.create.Partitions == 0:
		found("topic %s is missing: create it (kafka-topics.sh --create --topic %[1]s), or set create: {when: always}", u.topic)
		return findings, nil
	case !state.there(): // it is made when it is needed
		return a.inspectCreation(ctx, l, u)
	}
	if len(state.leaders) < u.create.Partitions {
		found("topic %s has %d partitions, create.partitions is %d: "+
			"add some (kafka-topics.sh --alter --topic %[1]s --partitions %[3]d; keys may move to other partitions), "+
			"or write create: {partitions: %[2]d}", u.topic, len(state.leaders), u.create.Partitions)
	}
	for i, leader := range state.leaders {
		if leader < 0 {
			found("topic %s, partition %d has no leader: start the broker that has it", u.topic, i)
		}
	}
	if state.rights != 0 && state.rights>>u.right.bit&1 == 0 {
		found("no right to topic %s: %s", u.topic, a.grant(u.right.name, "--topic "+u.topic))
		return findings, nil
	}
	if u.group == "" {
		return findings, nil
	}
	more, err := a.inspectGroup(ctx, l, u, state)
	return append(findings, more...), err
}

// inspectCreation checks whether a missing topic can be created.
func (a *Adapter) inspectCreation(ctx context.Context, l *link, u use) (findings []string, err error) {
	why, err := l.creatable(ctx, u.topic, u.create)
	switch {
	case err != nil || why == nil:
		return nil, err
	case isCode(why.code, kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed):
		return []string{fmt.Sprintf("topic %s is missing, and there is no right to make it: create it (kafka-topics.sh --create --topic %[1]s), or %s",
			u.topic, a.grant("Create", "--topic "+u.topic))}, nil
	}
	return []string{fmt.Sprintf("topic %s is missing, and can't be made: %s; correct create:, or create it (kafka-topics.sh --create --topic %[1]s)",
		u.topic, cmp.Or(why.why, why.code.Title()))}, nil
}

// inspectGroup checks whether we may join the group, and whether its positions are still in the log.
func (a *Adapter) inspectGroup(ctx context.Context, l *link, u use, state topicState) (findings []string, err error) {
	var ids []int
	for i := range state.leaders {
		ids = append(ids, i)
	}
	marks, err := l.committed(ctx, u.group, ids)
	var rights int32
	if err == nil {
		rights, err = l.groupRights(ctx, u.group)
	}
	if isCode(err, kafka.GroupAuthorizationFailed) || rights != 0 && rights>>rightRead.bit&1 == 0 {
		return []string{fmt.Sprintf("no right to group %s: %s", u.group, a.grant("Read", "--group "+u.group))}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, i := range ids {
		m, ok := marks[i]
		if !ok || m.offset < 0 || state.leaders[i] < 0 {
			continue
		}
		log, err := l.span(ctx, i)
		if err != nil {
			return nil, err
		}
		if why := m.lost(state, log); why != "" && u.wayOut != "" {
			findings = append(findings, fmt.Sprintf("topic %s, partition %d: offset %d of group %s is lost, %s; %s",
				u.topic, i, m.offset, u.group, why, u.wayOut))
		}
	}
	return findings, nil
}

// grant returns the command that grants a right.
func (a *Adapter) grant(operation, resource string) string {
	user := a.cfg.SASL.User
	if user == "" {
		user = "ANONYMOUS"
	}
	return fmt.Sprintf("grant it (kafka-acls.sh --add --allow-principal User:%s --operation %s %s)", user, operation, resource)
}

// groupRights returns what we may do with a group, as bits by the protocol's numbers. It is 0 where that is not told,
// as by brokers before Kafka 2.3.
func (l *link) groupRights(ctx context.Context, group string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.transport.RoundTrip(ctx, l.addr, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
	if err != nil {
		return 0, err
	}
	groups := r.(*describegroups.Response).Groups
	if len(groups) == 0 {
		return 0, nil
	}
	if code := kafka.Error(groups[0].ErrorCode); code != 0 && !isCode(code, kafka.GroupIdNotFound) {
		return 0, code
	}
	return max(0, groups[0].AuthorizedOperations), nil
}

// trial is the brokers' answer about a topic that is not created yet.
type trial struct {
	code kafka.Error
	why  string
}

// creatable returns why a topic can't be created, or nil if it can be or exists by now. It asks the controller of the cluster to validate only, in
// version 4 of the protocol, or 3 for brokers before Kafka 2.4. After a request of its own the library would wait until it sees the topic.
func (l *link) creatable(ctx context.Context, topic string, how Create) (*trial, error) {
	t, err := ask[trial](ctx, l, l.timeout, &toBroker[trial]{
		broker: func(c protocol.Cluster) (protocol.Broker, error) { return c.Brokers[c.Controller], nil },
		request: request[trial]{key: protocol.CreateTopics, client: l.name,
			version: func(known int16) (int16, error) { return min(4, known), nil },
			body: func(b []byte) []byte {
				b = appendInts(appendText(appendInts(b, 1), topic), int32(how.Partitions))
				b = binary.BigEndian.AppendUint16(b, uint16(how.replicas()))
				return append(appendInts(b, 0, 0, 10_000), 1) // no replicas by hand, no settings; milliseconds; only a trial
			},
			parse: func(w *wire) (t trial, err error) {
				w.int32() // throttled
				if !w.one() {
					return t, errOther
				}
				w.text()
				return trial{kafka.Error(w.int16()), w.text()}, nil
			}},
	})
	if err != nil || t.code == 0 || isCode(t.code, kafka.TopicAlreadyExists) {
		return nil, err
	}
	return &t, nil
}
