package kafka

import (
	"context"
	"errors"
	"io"
	"slices"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchOnce asks the partition's leader. The library's Client.Fetch would hide which transactions were aborted.
func (p *partition) fetchOnce(ctx context.Context, at int64) ([]record, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.MaxWait+p.link.timeout)
	defer cancel()
	most := int32(max(p.cfg.MaxBytes, p.large))
	r, err := p.link.transport.RoundTrip(ctx, p.link.addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(p.cfg.MaxWait.Milliseconds()), MinBytes: 1, MaxBytes: most, IsolationLevel: int8(kafka.ReadCommitted),
		SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: p.topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(p.id), CurrentLeaderEpoch: -1, FetchOffset: at, LogStartOffset: -1, PartitionMaxBytes: most,
		}}}},
	})
	if err != nil {
		return nil, at, err
	}
	answer := r.(*fetch.Response)
	if answer.ErrorCode != 0 {
		return nil, at, kafka.Error(answer.ErrorCode)
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, at, protocol.ErrNoPartition
	}
	part := &answer.Topics[0].Partitions[0]
	if part.ErrorCode != 0 {
		return nil, at, kafka.Error(part.ErrorCode)
	}
	b := &batches{at: at, next: at, aborted: part.AbortedTransactions}
	if err := b.read(part.RecordSet.Records); err != nil {
		return nil, at, err
	}
	p.large = 0
	if b.found && b.next == at { // what compaction left of a batch, all of it before the offset: more bytes reach the batch behind it
		if p.large = 2 * int(most); p.large > mostLarge { // there is none
			return nil, max(at, part.LastStableOffset), nil
		}
	}
	return b.out, b.next, nil
}

// mostLarge is more than a broker gives in one fetch.
const mostLarge = 256 << 20

// batches reads what a fetch brought.
type batches struct {
	at      int64 // the offset that was asked for: batches may begin before it
	next    int64 // the offset that follows
	found   bool  // there was something, even if all of it lies before at
	out     []record
	aborted []fetch.ResponseTransaction
	failed  map[int64]bool // producers whose aborted transaction is being read
}

func (b *batches) read(all protocol.RecordReader) error {
	if all == nil {
		return nil
	}
	list := []protocol.RecordReader{all}
	if s, ok := all.(*protocol.RecordStream); ok {
		list = s.Records
	}
	slices.SortFunc(b.aborted, func(x, y fetch.ResponseTransaction) int { return int(x.FirstOffset - y.FirstOffset) })
	for _, r := range list {
		var err error
		switch r := r.(type) {
		case *protocol.ControlBatch:
			b.control(r)
		case *protocol.RecordBatch:
			b.found = true
			b.begun(r.BaseOffset)
			err = b.records(r, r.Attributes.Transactional() && b.failed[r.ProducerID])
		default:
			err = b.records(r, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begun notes the aborted transactions that have records from their first offset on.
func (b *batches) begun(offset int64) {
	for len(b.aborted) > 0 && b.aborted[0].FirstOffset <= offset {
		if b.failed == nil {
			b.failed = map[int64]bool{}
		}
		b.failed[b.aborted[0].ProducerID] = true
		b.aborted = b.aborted[1:]
	}
}

// control is the end of a transaction: no message, but an offset.
func (b *batches) control(c *protocol.ControlBatch) {
	b.found = true
	b.begun(c.BaseOffset)
	delete(b.failed, c.ProducerID)
	b.next = max(b.next, c.BaseOffset+1)
}

func (b *batches) records(all protocol.RecordReader, skip bool) error {
	for {
		r, err := all.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.found = true
		if r.Offset < b.next || skip {
			b.next = max(b.next, r.Offset+1)
			continue
		}
		rec := record{offset: r.Offset, time: r.Time.UTC(), headers: r.Headers}
		if rec.key, err = whole(r.Key); err == nil {
			rec.value, err = whole(r.Value)
		}
		if err != nil {
			return err
		}
		b.out, b.next = append(b.out, rec), r.Offset+1
	}
}
