package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// fetchRequest asks for the records of one partition, in version 10 of the protocol (Kafka 2.1).
type fetchRequest struct {
	topic, client string
	partition     int
	at            int64
	wait, most    int32 // milliseconds, bytes
	old           bool  // the broker is older
}

// fetchAnswer is what a leader gives: whole batches, the last one may be cut.
type fetchAnswer struct {
	code    kafka.Error
	aborted []abort
	batches []byte
}

var (
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
)

func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }
func (*fetchAnswer) ApiKey() protocol.ApiKey  { return protocol.Fetch }

// Broker is the partition's leader.
func (f *fetchRequest) Broker(c protocol.Cluster) (protocol.Broker, error) {
	t, ok := c.Topics[f.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(f.topic)
	}
	p, ok := t.Partitions[int32(f.partition)]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(f.topic, int32(f.partition))
	}
	b, ok := c.Brokers[p.Leader]
	if !ok {
		return b, protocol.NewErrNoLeader(f.topic, int32(f.partition))
	}
	return b, nil
}

// Required notes what the broker can do.
func (f *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	f.old = versions[protocol.Fetch] < 10
	return true
}

// RawExchange writes the request and reads its answer.
func (f *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if f.old {
		return nil, errOld
	}
	w, err := exchange(rw, f.encode())
	if err != nil {
		return nil, err
	}
	return f.parse(w)
}

var errOld = fmt.Errorf("the broker is older than Kafka 2.1: %w", kafka.UnsupportedVersion)

const readCommitted = 1

func (f *fetchRequest) encode() []byte {
	b := frame(make([]byte, 0, 128+len(f.topic)), protocol.Fetch, 10, f.client)
	for _, v := range [...]int32{-1, f.wait, 1, f.most} { // no replica; bytes at least, at most
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	b = append(b, readCommitted)
	for _, v := range [...]int32{0, -1, 1} { // no session; one topic
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	b = appendText(b, f.topic)
	for _, v := range [...]int32{1, int32(f.partition), -1} { // one partition; whatever the leader's epoch
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(f.at))
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // where a replica's log begins: none
	b = binary.BigEndian.AppendUint32(b, uint32(f.most))
	return append(b, 0, 0, 0, 0) // forgets no topics
}

func (f *fetchRequest) parse(w *wire) (*fetchAnswer, error) {
	w.int32() // throttled
	a := &fetchAnswer{code: kafka.Error(w.int16())}
	w.int32() // session
	if a.code != 0 && !w.bad {
		return a, nil
	}
	if w.array() != 1 {
		return nil, fmt.Errorf("fetch of topic %s: the broker answers something else", f.topic)
	}
	w.text()
	if w.array() != 1 {
		return nil, fmt.Errorf("fetch of topic %s: the broker answers something else", f.topic)
	}
	w.int32()
	a.code = kafka.Error(w.int16())
	w.take(24) // ends of the log
	a.aborted = make([]abort, w.array())
	for i := range a.aborted {
		a.aborted[i] = abort{w.int64(), w.int64()}
	}
	w.int32() // bytes of the batches; an answer that was cut has less
	if w.bad {
		return nil, fmt.Errorf("fetch of topic %s: the broker's answer can't be read", f.topic)
	}
	a.batches = w.b
	return a, nil
}

// fetch asks a partition's leader for the batches from an offset on.
func (l *link) fetch(ctx context.Context, partition int, at int64, cfg *SourceConfig) (*fetchAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.MaxWait+l.timeout)
	defer cancel()
	r, err := l.transport.RoundTrip(ctx, l.addr, &fetchRequest{
		topic: l.topic, client: l.name, partition: partition, at: at, wait: int32(cfg.MaxWait.Milliseconds()), most: int32(cfg.MaxBytes),
	})
	if err != nil {
		return nil, err
	}
	if a := r.(*fetchAnswer); a.code == 0 {
		return a, nil
	} else {
		return nil, a.code
	}
}
