package kafka

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

// A request has at most so many records, and bytes unless one record alone has more: brokers take 1 MiB for all of them by default.
const (
	mostRecords = 1000
	mostBytes   = 900 << 10
)

// outlet writes to one partition. One request is under way at a time, so that the order holds; what comes meanwhile goes together in the next
// one: a lone record leaves at once, many leave together.
type outlet struct {
	target    *Target
	partition int

	mu      sync.Mutex
	waiting []*parcel
	busy    bool
}

func (o *outlet) put(p *parcel) {
	o.mu.Lock()
	o.waiting = append(o.waiting, p)
	begin := !o.busy
	o.busy = true
	if begin {
		o.target.writing.Add(1)
	}
	o.mu.Unlock()
	if begin {
		go o.run()
	}
}

// withdraw takes back p if it is not being written.
func (o *outlet) withdraw(p *parcel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.waiting, p)
	if i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
	}
	return i >= 0
}

// run writes until nothing waits.
func (o *outlet) run() {
	defer o.target.writing.Done()
	for {
		runtime.Gosched() // lets senders that are about to come join, without a timer
		runtime.Gosched()
		batch := o.take()
		if batch == nil {
			return
		}
		o.write(batch)
	}
}

// take is the next batch, nil: nothing waits, and the next put begins anew.
func (o *outlet) take() []*parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.waiting) && n < mostRecords {
		if size += o.waiting[n].size; n > 0 && size > mostBytes {
			break
		}
		n++
	}
	if n == 0 {
		o.busy = false
		return nil
	}
	batch := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	return batch
}

// write sends a batch and tells each sender what became of it. A batch that is too large for the topic is sent again one by one: its small
// records are not to blame.
func (o *outlet) write(batch []*parcel) {
	err := o.produce(batch)
	if len(batch) > 1 && isCode(err, kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord) {
		for _, p := range batch {
			p.done <- o.produce([]*parcel{p})
		}
		return
	}
	if err != nil {
		o.target.forget()
	}
	for _, p := range batch {
		p.done <- err
	}
}

// produce writes a batch. While the partition changes its leader nothing is written, so asking again is no repetition; all else is left to the
// hub's retries.
func (o *outlet) produce(batch []*parcel) error {
	t := o.target
	ctx, cancel := context.WithTimeout(context.Background(), t.adapter.cfg.Timeout)
	defer cancel()
	for {
		err := o.ask(ctx, batch)
		if !isCode(err, kafka.NotLeaderForPartition, kafka.LeaderNotAvailable) {
			return err
		}
		pause := t.adapter.env.Clock.Timer(leaderPause)
		select {
		case <-pause.C():
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// leaderPause is how long a new leader is waited for before it is asked again.
const leaderPause = 100 * time.Millisecond

func (o *outlet) ask(ctx context.Context, batch []*parcel) error {
	records := make([]kafka.Record, len(batch))
	for i, p := range batch {
		records[i] = kafka.Record{Time: p.time, Key: kafka.NewBytes(p.key), Value: kafka.NewBytes(p.value), Headers: p.headers}
	}
	r, err := o.target.link.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: o.target.link.topic, Partition: o.partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return r.Error
}
