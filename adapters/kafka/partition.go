package kafka

import (
	"context"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// partition is one partition of ours in a generation.
type partition struct {
	*generation
	id    int
	track *tracker
	large int // bytes of a fetch, when more than usual are needed
}

// mostAhead is how many records may be begun behind one that is not finished.
const mostAhead = 1 << 16

// read fetches and hands over until ctx is done (nil) or it can't go on.
func (p *partition) read(ctx context.Context) error {
	at := p.track.end
	for ctx.Err() == nil {
		if !p.room(ctx) {
			return nil
		}
		records, next, err := p.fetch(ctx, at)
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
		for i := range records {
			if !p.take(ctx, &records[i]) {
				return nil
			}
		}
		p.track.skip(next)
		at = next
	}
	return nil
}

// take hands a record to the lanes; false: ctx is done, and it was not taken.
func (p *partition) take(ctx context.Context, r *record) bool {
	m := p.message(p.id, r)
	if !p.wanted.takes(m.Headers) {
		p.track.done(p.track.begin(r.offset))
		return true
	}
	if m.Key == "" {
		p.noKey.Do(func() {
			p.env.Log.Warn("records without key have no order", "topic", p.topic, "partition", p.id, "offset", r.offset)
		})
	}
	j := &job{part: p, offset: r.offset, msg: m}
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

// refused tells whether a failed record is to be passed over: it is wrong and stays wrong.
func (r *run) refused(j *job, err error) bool {
	e := hub.AsError(err)
	place := []any{"topic", r.topic, "partition", j.part.id, "offset", j.offset, "class", e.Class, "reason", e.Reason, "error", err}
	if e.Class == hub.Invalid || e.Class == hub.Rejected {
		r.env.Log.Error("record passed over", place...)
		return true
	}
	r.env.Log.Debug("record not taken, tried again", place...)
	return false
}

// fetch gets the records from an offset on, and the offset that follows.
func (p *partition) fetch(ctx context.Context, at int64) (records []record, next int64, err error) {
	err = p.patient(ctx, func() error {
		records, next, err = p.fetchOnce(ctx, at)
		return err
	})
	return records, next, err
}
