package kafka

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// link is connections to the brokers: those of one Run of a source, or those of all that the adapter sends.
type link struct {
	topic     string // the library's view of the cluster has this one; "": none
	name      string // that the brokers know us by
	addr      net.Addr
	transport *kafka.Transport
	client    *kafka.Client
	timeout   time.Duration
	clock     hub.Clock
	era       atomic.Pointer[bool] // the brokers are too old to know topic IDs: before 2.8
}

// metadataTTL is how long the library may take to see that a broker is back, or that a leader moved.
const metadataTTL = 2 * time.Second

func (a *Adapter) link(topic string) *link {
	l := &link{topic: topic, name: a.cfg.ClientID, addr: kafka.TCP(a.brokers...), timeout: a.cfg.Timeout, clock: a.env.Clock}
	l.transport = &kafka.Transport{
		Dial: a.dial, DialTimeout: a.cfg.DialTimeout, ClientID: a.cfg.ClientID, TLS: a.tls, SASL: a.sasl,
		MetadataTTL: metadataTTL, MetadataTopics: []string{}, // not nil: that would be all
	}
	if topic != "" {
		l.transport.MetadataTopics = []string{topic}
	}
	l.client = &kafka.Client{Addr: l.addr, Transport: l.transport}
	return l
}

func (l *link) close() { l.transport.CloseIdleConnections() }

// state asks the brokers for a topic.
func (l *link) state(ctx context.Context, topic string) (topicState, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	old, err := l.isOld(ctx)
	if err != nil {
		return topicState{}, err
	}
	r, err := l.transport.RoundTrip(ctx, l.addr, &metadataRequest{topic: topic, client: l.name, old: old})
	if err != nil {
		return topicState{}, err
	}
	answer := r.(*metadataAnswer)
	if answer.code != 0 && !isCode(answer.code, kafka.UnknownTopicOrPartition) {
		return topicState{}, answer.code
	}
	return answer.state, nil
}

func (l *link) isOld(ctx context.Context) (bool, error) {
	if old := l.era.Load(); old != nil {
		return *old, nil
	}
	r, err := l.client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil {
		return false, err
	}
	for _, k := range r.ApiKeys {
		if k.ApiKey == int(protocol.Metadata) {
			old := k.MaxVersion < 10
			l.era.Store(&old)
			return old, nil
		}
	}
	return true, r.Error
}

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

// ensure makes sure that the topic is there, and creates it if it may.
func (l *link) ensure(ctx context.Context, topic string, create *Create) (topicState, error) {
	state, err := l.state(ctx, topic)
	if err != nil || state.there() {
		return state, err
	}
	if create == nil {
		return state, noTopic(topic)
	}
	if err := l.create(ctx, topic, *create); err != nil {
		return state, err
	}
	for try := 0; ; try++ { // the brokers tell each other
		state, err = l.state(ctx, topic)
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
		err = noTopic(topic)
	}
	return state, err
}

func (l *link) create(ctx context.Context, topic string, how Create) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: how.Partitions, ReplicationFactor: how.replicas()},
	}})
	if err != nil {
		return err
	}
	if err := r.Errors[topic]; err != nil && !isCode(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("topic %s can't be created: %w", topic, err)
	}
	return nil
}

func noTopic(topic string) error {
	return hub.Fail(hub.Unavailable, reasonNoTopic, "topic %s is not there; create it, or set create: {when: always}", topic)
}
