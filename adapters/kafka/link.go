package kafka

import (
	"context"
	"fmt"
	"net"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// link is the connections that one Run of a source, or one target, has to the brokers.
type link struct {
	topic     string
	addr      net.Addr
	transport *kafka.Transport
	client    *kafka.Client
	timeout   time.Duration
	clock     hub.Clock
	old       bool // brokers before 2.8 know no topic IDs
}

// metadataTTL is how long the library may take to see that a broker is back, or that a leader moved.
const metadataTTL = 2 * time.Second

func (a *Adapter) link(topic string) *link {
	l := &link{topic: topic, addr: kafka.TCP(a.brokers...), timeout: a.cfg.Timeout, clock: a.env.Clock}
	l.transport = &kafka.Transport{
		Dial: a.dial, DialTimeout: a.cfg.DialTimeout, ClientID: a.cfg.ClientID, TLS: a.tls, SASL: a.sasl,
		MetadataTTL: metadataTTL, MetadataTopics: []string{topic},
	}
	l.client = &kafka.Client{Addr: l.addr, Transport: l.transport}
	return l
}

func (l *link) close() { l.transport.CloseIdleConnections() }

// span is where a partition's log begins, and the offset that the next record gets.
type span struct{ first, end int64 }

func (l *link) span(ctx context.Context, partition int) (span, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		l.topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)},
	}})
	if err != nil {
		return span{}, err
	}
	for _, p := range r.Topics[l.topic] {
		if p.Partition == partition {
			return span{p.FirstOffset, p.LastOffset}, p.Error
		}
	}
	return span{}, fmt.Errorf("the broker told nothing of partition %d", partition)
}

// mark is a committed position of a group, and the ID of the topic that it is of.
type mark struct {
	offset int64 // -1: none
	topic  string
}

func (l *link) committed(ctx context.Context, group string, partitions []int) (map[int]mark, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{l.topic: partitions}})
	if err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, r.Error
	}
	out := map[int]mark{}
	for _, p := range r.Topics[l.topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		out[p.Partition] = mark{p.CommittedOffset, p.Metadata}
	}
	return out, nil
}

// commit writes positions as a member of a generation: the broker refuses those of a stale one.
func (l *link) commit(ctx context.Context, g *kafka.Generation, topicID string, positions map[int]int64) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var commits []kafka.OffsetCommit
	for p, offset := range positions {
		commits = append(commits, kafka.OffsetCommit{Partition: p, Offset: offset, Metadata: topicID})
	}
	r, err := l.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: g.GroupID, GenerationID: int(g.ID), MemberID: g.MemberID,
		Topics: map[string][]kafka.OffsetCommit{l.topic: commits},
	})
	if err != nil {
		return err
	}
	for _, p := range r.Topics[l.topic] {
		if p.Error != nil {
			return p.Error
		}
	}
	return nil
}

// ensure makes sure that the topic is there, and creates it if it may.
func (l *link) ensure(ctx context.Context, create *Create) (topicState, error) {
	state, err := l.state(ctx)
	if err != nil || state.there() {
		return state, err
	}
	if create == nil {
		return state, noTopic(l.topic)
	}
	if err := l.create(ctx, *create); err != nil {
		return state, err
	}
	for try := 0; ; try++ { // the brokers tell each other
		state, err = l.state(ctx)
		if err != nil || state.there() || try == 20 {
			break
		}
		t := l.clock.Timer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-t.C():
		}
		t.Stop()
	}
	if err == nil && !state.there() {
		err = noTopic(l.topic)
	}
	return state, err
}

func (l *link) create(ctx context.Context, how Create) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	replication := how.Replication
	if replication == 0 {
		replication = -1 // the brokers' default
	}
	r, err := l.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: l.topic, NumPartitions: how.Partitions, ReplicationFactor: replication},
	}})
	if err != nil {
		return err
	}
	if err := r.Errors[l.topic]; err != nil && !isCode(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("topic %s can't be created: %w", l.topic, err)
	}
	return nil
}

func noTopic(topic string) error {
	return hub.Fail(hub.Unavailable, "no_topic", "topic %s is not there; create it, or set create: {when: always}", topic)
}
