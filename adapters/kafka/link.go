package kafka

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// link is connections to the brokers: those of one Run of a source, or those for all that the adapter sends.
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

// metadataTTL is how long the library may take to notice that a broker is back, or that a leader has moved.
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

// span is the offset at which the log of a partition begins, and the one that its next record gets.
type span struct{ first, end int64 }

func (l *link) span(ctx context.Context, partition int) (span, error) {
	return patient(ctx, l.clock, func() (span, error) { return l.spanNow(ctx, partition) })
}

func (l *link) spanNow(ctx context.Context, partition int) (span, error) {
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

// ensure makes sure that the topic exists, and creates it if it may.
func (l *link) ensure(ctx context.Context, topic string, how Create) (topicState, error) {
	state, err := l.state(ctx, topic)
	if err != nil || state.there() {
		return state, err
	}
	if how.Partitions == 0 {
		return state, noTopic(topic)
	}
	if err := l.create(ctx, topic, how); err != nil {
		return state, err
	}
	for try := 0; ; try++ { // the brokers tell each other
		state, err = l.state(ctx, topic)
		if err != nil || state.there() || try == 20 {
			break
		}
		hub.Pause(ctx, l.clock, 100*time.Millisecond)
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

// mark is a committed position of a group, with the ID of the topic that it belongs to.
type mark struct {
	offset int64  // -1: none
	topic  string // "": not told, as by members that are no hubs
}

// prefixTopicID begins the metadata of our positions. Other members may write anything.
const prefixTopicID = "topic-id "

func (l *link) committed(ctx context.Context, group string, partitions []int) (map[int]mark, error) {
	return patient(ctx, l.clock, func() (map[int]mark, error) { return l.committedNow(ctx, group, partitions) })
}

func (l *link) committedNow(ctx context.Context, group string, partitions []int) (map[int]mark, error) {
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
		m := mark{offset: p.CommittedOffset}
		if id, ours := strings.CutPrefix(p.Metadata, prefixTopicID); ours {
			m.topic = id
		}
		out[p.Partition] = m
	}
	return out, nil
}

// commit writes positions as a member of a generation: the broker refuses those of a stale one.
func (l *link) commit(ctx context.Context, group string, s *share, topicID string, positions map[int]int64) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	metadata := ""
	if topicID != "" {
		metadata = prefixTopicID + topicID
	}
	var commits []kafka.OffsetCommit
	for p, offset := range positions {
		commits = append(commits, kafka.OffsetCommit{Partition: p, Offset: offset, Metadata: metadata})
	}
	r, err := l.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: int(s.generation), MemberID: s.member,
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

// topicState is what the brokers say of a topic now.
type topicState struct {
	id      string  // 22 characters, another one when the topic is made anew; "" when the brokers don't tell
	leaders []int32 // broker of each partition, -1: none now; no partitions: the topic is not there
	rights  int32   // bits of what we may do with it, by the protocol's numbers; 0: not told
}

func (s topicState) there() bool { return len(s.leaders) > 0 }

// metadata is the brokers' answer about a topic.
type metadata struct {
	state topicState
	code  kafka.Error
}

// state asks the brokers for a topic, in version 10 of the protocol, or in version 7 where they don't know that.
func (l *link) state(ctx context.Context, topic string) (topicState, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	old, err := l.isOld(ctx)
	if err != nil {
		return topicState{}, err
	}
	r := &request[metadata]{key: protocol.Metadata, client: l.name, version: exactly(10),
		body: func(b []byte) []byte {
			b = append(append(b, 0, 2), make([]byte, 16)...) // no tags, one topic, its ID is not known
			b = append(binary.AppendUvarint(b, uint64(len(topic)+1)), topic...)
			return append(b, 0, 0, 0, 1, 0) // no tags, create no topic, tell not what we may do with the cluster, but with the topic, no tags
		},
		parse: func(w *wire) (metadata, error) {
			w.flexible = true
			return parseMetadata(w)
		}}
	if old {
		r.version, r.parse = exactly(7), parseMetadata
		r.body = func(b []byte) []byte { return append(appendText(appendInts(b, 1), topic), 0) } // one topic; create none
	}
	m, err := ask[metadata](ctx, l, l.timeout, r)
	if err == nil && m.code != 0 && !isCode(m.code, kafka.UnknownTopicOrPartition) {
		err = m.code
	}
	if err != nil {
		return topicState{}, err
	}
	return m.state, nil
}

func parseMetadata(w *wire) (a metadata, err error) {
	w.tags()
	w.int32()             // throttled
	for range w.array() { // brokers
		w.int32()
		w.text()
		w.int32()
		w.text()
		w.tags()
	}
	w.text()  // cluster
	w.int32() // controller
	if !w.one() {
		return a, errOther
	}
	a.code = kafka.Error(w.int16())
	w.text()
	if w.flexible {
		if id := w.take(16); !bytes.Equal(id, make([]byte, 16)) {
			a.state.id = base64.RawURLEncoding.EncodeToString(id)
		}
	}
	w.take(1)
	a.state.leaders = make([]int32, w.array())
	for range a.state.leaders {
		w.int16()
		i, leader := w.int32(), w.int32()
		w.int32()
		for range 3 { // replicas: all, in sync, away
			w.take(4 * w.array())
		}
		w.tags()
		if i < 0 || int(i) >= len(a.state.leaders) {
			return a, errOther
		}
		a.state.leaders[i] = leader
	}
	if w.flexible {
		a.state.rights = max(0, w.int32())
	}
	return a, nil
}
