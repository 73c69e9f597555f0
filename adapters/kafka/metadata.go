package kafka

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// topicState is what the brokers say of a topic now.
type topicState struct {
	id      string  // 22 characters, another one when the topic is made anew; "" when the brokers don't tell
	leaders []int32 // broker of each partition, -1: none now; no partitions: the topic is not there
	rights  int32   // bits of what we may do with it, by the protocol's numbers; 0: not told
}

func (s topicState) there() bool { return len(s.leaders) > 0 }

// metadataRequest asks for one topic, in version 10 of the protocol, or in version 7 where the brokers don't know that.
type metadataRequest struct {
	topic, client string
	old           bool
}

// metadataAnswer is what the request is for.
type metadataAnswer struct {
	state topicState
	code  kafka.Error
}

var _ protocol.RawExchanger = (*metadataRequest)(nil)

func (*metadataRequest) ApiKey() protocol.ApiKey                 { return protocol.Metadata }
func (*metadataAnswer) ApiKey() protocol.ApiKey                  { return protocol.Metadata }
func (*metadataRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request and reads its answer.
func (m *metadataRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	w, err := exchange(rw, m.encode())
	if err != nil {
		return nil, err
	}
	w.flexible = !m.old
	return parseMetadata(w)
}

func (m *metadataRequest) encode() []byte {
	if m.old {
		b := frame(nil, protocol.Metadata, 7, m.client)
		b = binary.BigEndian.AppendUint32(b, 1) // one topic
		return append(appendText(b, m.topic), 0)
	}
	b := append(frame(nil, protocol.Metadata, 10, m.client), 0) // no tags
	b = append(b, 2)                                            // one topic
	b = append(b, make([]byte, 16)...)
	b = binary.AppendUvarint(b, uint64(len(m.topic)+1))
	b = append(b, m.topic...)
	return append(b, 0, 0, 0, 1, 0) // no tags, create no topic, tell not what we may do with the cluster, but with the topic, no tags
}

var errMetadata = errors.New("the broker's metadata can't be read")

func parseMetadata(w *wire) (*metadataAnswer, error) {
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
			return nil, errMetadata
		}
		a.state.leaders[i] = leader
	}
	if w.flexible {
		a.state.rights = max(0, w.int32())
	}
	if w.bad {
		return nil, errMetadata
	}
	return a, nil
}
