package kafka

import (
	"context"

	kafka "github.com/segmentio/kafka-go"
)

// partition is one partition of ours in a generation.
type partition struct {
	*generation
	id    int
	track *tracker
	tries int // of a batch that can't be read
}

const (
	mostAhead = 1 << 16 // records may be begun behind one that is not finished
	mostTries = 3       // a batch is fetched so often before it is given up: it may have been spoilt on its way
)

// read fetches and hands over until ctx is done (nil) or it can't go on.
func (p *partition) read(ctx context.Context) error {
	at := p.track.end
	for ctx.Err() == nil {
		if !p.room(ctx) {
			return nil
		}
		b, err := p.fetch(ctx, at)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !isCode(err, kafka.OffsetOutOfRange) {
				return err
			}
			if _, err = p.lost(ctx, p.id, mark{at, p.state.id}); err == nil {
				p.stop(nil) // the next generation begins where on_lost says
			}
			return err
		}
		for i := range b.out {
			if !p.take(ctx, &b.out[i]) {
				return nil
			}
		}
		p.track.skip(b.next)
		at = b.next
	}
	return nil
}

// fetch gets the records from an offset on.
func (p *partition) fetch(ctx context.Context, at int64) (b *batches, err error) {
	err = p.patient(ctx, func() error {
		answer, err := p.link.fetch(ctx, p.id, at, &p.cfg)
		if err != nil {
			return err
		}
		b = &batches{at: at, next: at, most: p.cfg.MaxMessage, strict: p.tries < mostTries, aborted: answer.aborted}
		if err = b.read(answer.batches); err == nil || b.next > at { // what can't be read is met again
			p.tries = 0
			return nil
		}
		if p.tries++; !b.strict {
			return err // where the next batch begins can't be told
		}
		p.env.Log.Warn("batch can't be read, fetched again", "topic", p.topic, "partition", p.id, "offset", at, "error", err)
		return nil
	})
	return b, err
}

// take hands a record to the lanes; false: ctx is done, and it was not taken.
func (p *partition) take(ctx context.Context, r *record) bool {
	j := &job{part: p, offset: r.offset, fault: r.fault}
	j.reply = p.message(&j.msg, p.id, r)
	if r.fault == nil && !p.wanted.takes(j.msg.Headers) {
		p.track.done(p.track.begin(r.offset))
		return true
	}
	if j.msg.Key == "" && p.form == onTopic {
		p.noKey.Do(func() {
			p.env.Log.Warn("records without key have no order", "topic", p.topic, "partition", p.id, "offset", r.offset)
		})
	}
	j.number = p.track.begin(r.offset) // before it can be finished; one that is not taken is never done, so never committed
	return p.lanes.put(ctx, j)
}

// finish notes that a record is handled.
func (p *partition) finish(j *job) {
	if p.track.done(j.number) < manyRecords {
		return
	}
	select {
	case p.enough <- struct{}{}:
	default:
	}
}

// room waits while too many records are begun behind one that is not finished.
func (p *partition) room(ctx context.Context) bool {
	for p.track.open() >= mostAhead {
		select {
		case <-p.track.freed:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
