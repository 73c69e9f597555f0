package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

// groupRights are the bits of what we may do with a group, by the protocol's numbers; 0: not told, as by brokers before Kafka 2.3.
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

// creationTrial asks whether a topic could be made, and makes nothing: in version 4 of the protocol, or 3 of brokers before Kafka 2.4. After the
// library's own request it would wait until it sees the topic.
type creationTrial struct {
	client, topic string
	how           Create
	version       int16
}

// trialAnswer is what the brokers say to it.
type trialAnswer struct {
	code kafka.Error
	why  string
}

var (
	_ protocol.BrokerMessage = (*creationTrial)(nil)
	_ protocol.RawExchanger  = (*creationTrial)(nil)
)

func (*creationTrial) ApiKey() protocol.ApiKey { return protocol.CreateTopics }
func (*trialAnswer) ApiKey() protocol.ApiKey   { return protocol.CreateTopics }

// Broker is the cluster's controller.
func (*creationTrial) Broker(c protocol.Cluster) (protocol.Broker, error) {
	return c.Brokers[c.Controller], nil
}

// Required notes what the broker can do.
func (t *creationTrial) Required(versions map[protocol.ApiKey]int16) bool {
	t.version = min(4, versions[protocol.CreateTopics])
	return true
}

var errTrial = errors.New("the broker's answer about a new topic can't be read")

// RawExchange writes the request and reads its answer.
func (t *creationTrial) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := frame(nil, protocol.CreateTopics, uint16(t.version), t.client)
	b = appendText(binary.BigEndian.AppendUint32(b, 1), t.topic)
	b = binary.BigEndian.AppendUint32(b, uint32(t.how.Partitions))
	b = binary.BigEndian.AppendUint16(b, uint16(t.how.replicas()))
	b = append(b, make([]byte, 8)...) // no replicas by hand, no settings
	b = append(binary.BigEndian.AppendUint32(b, 10_000), 1)
	w, err := exchange(rw, b)
	if err != nil {
		return nil, err
	}
	w.int32() // throttled
	if w.array() != 1 {
		return nil, errTrial
	}
	w.text()
	a := &trialAnswer{code: kafka.Error(w.int16()), why: w.text()}
	if w.bad {
		return nil, errTrial
	}
	return a, nil
}

// creatable tells why a topic can't be made; nil: it can, or is there meanwhile.
func (l *link) creatable(ctx context.Context, topic string, how Create) (*trialAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.transport.RoundTrip(ctx, l.addr, &creationTrial{client: l.name, topic: topic, how: how})
	if err != nil {
		return nil, err
	}
	a := r.(*trialAnswer)
	if a.code == 0 || isCode(a.code, kafka.TopicAlreadyExists) {
		return nil, nil
	}
	return a, nil
}
