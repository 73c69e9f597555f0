package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// produceRequest carries batches to partitions that one broker leads, in version 7 of the protocol (Kafka 2.1).
type produceRequest struct {
	client  string
	leader  int32
	timeout time.Duration
	pieces  []piece
	now     time.Time
	frame   []byte      // room for the request
	old     bool        // the broker is older
	begun   atomic.Bool // from here on the broker may have got it
}

// piece is what goes to one partition.
type piece struct {
	to      *outlet
	records []*parcel
	code    kafka.Error // of the answer
	next    next
}

// produced is the answer; the codes are in the request's pieces.
type produced struct{}

var (
	_ protocol.BrokerMessage = (*produceRequest)(nil)
	_ protocol.RawExchanger  = (*produceRequest)(nil)
)

func (*produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }
func (*produced) ApiKey() protocol.ApiKey       { return protocol.Produce }

// Broker is the leader.
func (p *produceRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	b, ok := c.Brokers[p.leader]
	if !ok {
		return b, fmt.Errorf("broker %d is not there: %w", p.leader, protocol.ErrNoLeader)
	}
	return b, nil
}

// Required notes what the broker can do.
func (p *produceRequest) Required(versions map[protocol.ApiKey]int16) bool {
	p.old = versions[protocol.Produce] < 7
	return true
}

// RawExchange writes the request and reads its answer.
func (p *produceRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if p.old {
		return nil, errOld
	}
	p.encode()
	p.begun.Store(true)
	w, err := exchange(rw, p.frame)
	if err != nil {
		return nil, err
	}
	return &produced{}, p.parse(w)
}

// allReplicas that are in sync confirm.
const allReplicas = -1

func (p *produceRequest) encode() {
	size := 64 + len(p.client)
	for i := range p.pieces {
		size += len(p.pieces[i].to.topic.name) + headSize + 32
		for _, r := range p.pieces[i].records {
			size += r.size + 16
		}
	}
	b := frame(slices.Grow(p.frame[:0], size), protocol.Produce, 7, p.client)
	b = append(b, 0xff, 0xff) // no transaction
	acks := int16(allReplicas)
	b = binary.BigEndian.AppendUint16(b, uint16(acks))
	b = binary.BigEndian.AppendUint32(b, uint32(p.timeout.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.pieces)))
	for i := range p.pieces { // a topic may be there several times, each with one partition
		c := &p.pieces[i]
		b = appendText(b, c.to.topic.name)
		b = binary.BigEndian.AppendUint32(b, 1)
		b = binary.BigEndian.AppendUint32(b, uint32(c.to.partition))
		at := len(b)
		b = appendBatch(append(b, 0, 0, 0, 0), c.records, p.now)
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	p.frame = b
}

var errProduced = errors.New("the broker's confirmation can't be read")

func (p *produceRequest) parse(w *wire) error {
	told := 0
	for range w.array() {
		topic := w.text()
		for range w.array() {
			partition, code := int(w.int32()), kafka.Error(w.int16())
			w.take(24) // the first offset, times
			for i := range p.pieces {
				if c := &p.pieces[i]; c.to.partition == partition && c.to.topic.name == topic {
					c.code = code
					told++
				}
			}
		}
	}
	if w.bad || told != len(p.pieces) {
		return errProduced
	}
	return nil
}
