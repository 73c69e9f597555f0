package kafka

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// topicState is what the brokers say of a topic now.
type topicState struct {
	id         string // 22 characters, another one when the topic is made anew; "" when the brokers don't tell
	partitions int    // 0: it is not there
}

func (s topicState) there() bool { return s.partitions > 0 }

// state asks the brokers. The library knows no topic IDs (Metadata requests up to version 8), so version 10 is written here.
func (l *link) state(ctx context.Context) (topicState, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if !l.old {
		old, err := l.isOld(ctx)
		if err != nil {
			return topicState{}, err
		}
		l.old = old
	}
	if l.old {
		return l.stateWithoutID(ctx)
	}
	r, err := l.transport.RoundTrip(ctx, l.addr, &metadataRequest{topic: l.topic})
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
	r, err := l.client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err != nil {
		return false, err
	}
	for _, k := range r.ApiKeys {
		if k.ApiKey == int(protocol.Metadata) {
			return k.MaxVersion < 10, nil
		}
	}
	return true, r.Error
}

func (l *link) stateWithoutID(ctx context.Context) (topicState, error) {
	r, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{l.topic}})
	if err != nil {
		return topicState{}, err
	}
	for _, t := range r.Topics {
		if t.Name == l.topic {
			if t.Error != nil && !isCode(t.Error, kafka.UnknownTopicOrPartition) {
				return topicState{}, t.Error
			}
			return topicState{partitions: len(t.Partitions)}, nil
		}
	}
	return topicState{}, nil
}

// metadataRequest is a Metadata request, version 10, for one topic.
type metadataRequest struct{ topic string }

// metadataAnswer is what the request is for.
type metadataAnswer struct {
	state topicState
	code  kafka.Error
}

var _ protocol.RawExchanger = (*metadataRequest)(nil)

func (*metadataRequest) ApiKey() protocol.ApiKey                 { return protocol.Metadata }
func (*metadataAnswer) ApiKey() protocol.ApiKey                  { return protocol.Metadata }
func (*metadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// metadataCorrelation marks the answer of the request; there is one request at a time on a connection.
const metadataCorrelation = 0x6f726468

// RawExchange writes the request and reads its answer.
func (m *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := binary.BigEndian.AppendUint16(make([]byte, 4, 64+len(m.topic)), uint16(protocol.Metadata))
	b = binary.BigEndian.AppendUint16(b, 10)
	b = binary.BigEndian.AppendUint32(b, metadataCorrelation)
	b = append(b, 0xff, 0xff, 0) // no client ID, no tags
	b = append(b, 2)             // one topic
	b = append(b, make([]byte, 16)...)
	b = binary.AppendUvarint(b, uint64(len(m.topic)+1))
	b = append(b, m.topic...)
	b = append(b, 0, 0, 0, 0, 0) // no tags, create no topic, no operations of cluster and topic, no tags
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := rw.Write(b); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 16<<20 {
		return nil, fmt.Errorf("metadata of %d bytes", n)
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(rw, answer); err != nil {
		return nil, err
	}
	return parseMetadata(answer)
}

var errMetadata = errors.New("the broker's metadata can't be read")

func parseMetadata(b []byte) (*metadataAnswer, error) {
	w := &wire{b: b}
	if w.int32() != metadataCorrelation {
		return nil, errMetadata
	}
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
	if w.array() != 1 {
		return nil, errMetadata
	}
	a := &metadataAnswer{code: kafka.Error(w.int16())}
	w.text()
	if id := w.take(16); !bytes.Equal(id, make([]byte, 16)) {
		a.state.id = base64.RawURLEncoding.EncodeToString(id)
	}
	w.take(1)
	a.state.partitions = w.array()
	if w.bad {
		return nil, errMetadata
	}
	return a, nil
}

// wire reads the flexible encoding of Kafka's protocol.
type wire struct {
	b   []byte
	bad bool
}

func (w *wire) take(n int) []byte {
	if w.bad || n < 0 || n > len(w.b) {
		w.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	out := w.b[:n]
	w.b = w.b[n:]
	return out
}

func (w *wire) int16() int16 { return int16(binary.BigEndian.Uint16(w.take(2))) }
func (w *wire) int32() int32 { return int32(binary.BigEndian.Uint32(w.take(4))) }

func (w *wire) uvarint() int {
	v, n := binary.Uvarint(w.b)
	if n <= 0 || v > uint64(len(w.b)) {
		w.bad = true
		return 0
	}
	w.b = w.b[n:]
	return int(v)
}

// array is the number of entries.
func (w *wire) array() int { return max(0, w.uvarint()-1) }
func (w *wire) text()      { w.take(w.array()) }

func (w *wire) tags() {
	for range w.uvarint() {
		w.uvarint()
		w.take(w.uvarint())
	}
}
