package kafka

import (
	"slices"
	"time"
)

// outlet is the way to one partition. One request is under way to it at a time, so that the order holds. Its fields are of writer.mu.
type outlet struct {
	writer    *writer
	topic     *topic
	partition int

	waiting []*parcel
	busy    bool      // it stands in line, or a request with its records is under way, or its leader is looked for
	alone   int       // so many of those that wait go one by one
	lost    time.Time // since when it has no leader; zero: it has one
}

// A batch has at most so many records, and bytes unless one record alone has more: brokers take 1 MiB by default.
const (
	mostRecords = 10_000
	mostBytes   = 900 << 10
)

// take is the next batch of at most so many bytes, or of one record.
func (o *outlet) take(most int) []*parcel {
	n, size := 0, 0
	for n < len(o.waiting) && n < mostRecords && (n == 0 || o.alone == 0) {
		if size += o.waiting[n].size + 16; n > 0 && size > most {
			break
		}
		n++
	}
	batch := o.waiting[:n:n]
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
	o.alone = max(0, o.alone-n)
	return batch
}

// leader is the broker that leads the partition; -1: there is none now.
func (o *outlet) leader() int32 {
	if leaders := o.topic.state.leaders; o.partition < len(leaders) {
		return leaders[o.partition]
	}
	return -1
}

// back puts a batch before those that wait.
func (o *outlet) back(batch []*parcel) { o.waiting = slices.Concat(batch, o.waiting) }

// remove takes p out of those that wait.
func (o *outlet) remove(p *parcel) bool {
	i := slices.Index(o.waiting, p)
	if i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
	}
	return i >= 0
}
