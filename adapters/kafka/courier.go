package kafka

import (
	"context"
	"runtime"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// courier sends the requests to one broker. Its fields are guarded by writer.mu.
type courier struct {
	writer *writer
	leader int32
	line   []*outlet // with records, and no request under way
	flying int
}

const (
	mostFlying = 2       // requests to a broker at once
	mostLoad   = 4 << 20 // bytes of a request, unless one record alone has more
)

// run sends requests until nothing waits.
func (c *courier) run() {
	for frame := []byte(nil); ; {
		runtime.Gosched() // lets senders that are about to come join, without a timer
		runtime.Gosched()
		load := c.load()
		if load == nil {
			return
		}
		frame = c.carry(load, frame)
	}
}

// load takes what waits, as much as fits into one request. It returns nil when nothing waits; then the next record
// starts a new run.
func (c *courier) load() (pieces []piece) {
	w := c.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	room := mostLoad
	for len(c.line) > 0 && room > 0 {
		o := c.line[0]
		c.line = c.line[1:]
		batch := o.take(min(mostBytes, room))
		if len(batch) == 0 { // withdrawn
			o.busy = false
			continue
		}
		for _, p := range batch {
			room -= p.size
		}
		pieces = append(pieces, piece{to: o, records: batch})
	}
	if pieces == nil {
		c.flying--
	}
	return pieces
}

// carry sends one request and evaluates its answer. It returns the buffer that the next request may use.
func (c *courier) carry(load []piece, frame []byte) []byte {
	w := c.writer
	timeout := w.adapter.cfg.Timeout
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req := &produceRequest{client: w.link.name, leader: c.leader, timeout: timeout, pieces: load, now: w.adapter.env.Clock.Now(), frame: frame}
	var err error = kafka.LeaderNotAvailable
	if c.leader >= 0 {
		_, err = w.link.transport.RoundTrip(ctx, w.link.addr, req)
	}
	for i := range load {
		w.tell(&load[i], err, req.begun.Load(), req.now)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range load {
		w.release(&load[i], req.now)
	}
	if err != nil { // the request may be on its way yet
		return nil
	}
	return req.frame
}

// tell reports to the senders what became of their records, unless the records go again.
func (w *writer) tell(p *piece, err error, begun bool, now time.Time) {
	if err == nil && p.code != 0 {
		err = p.code
	}
	o := p.to
	switch {
	case err == nil:
	case len(p.records) > 1 && isCode(err, kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord):
		p.next = oneByOne // the others are not to blame
		return
	case !begun && moved(err), isCode(err, unwrittenCodes...):
		if o.lost.IsZero() || now.Sub(o.lost) < w.adapter.cfg.Timeout {
			p.next = leaderless
			return
		}
		fallthrough
	default:
		p.next = failed
		if err = classify(o.topic.name, err); !begun {
			err = away(err)
		}
	}
	for _, r := range p.records {
		r.done <- err
	}
}

// unwrittenCodes are answers of a broker that is not the leader, or not yet. Nothing was written, so to ask again
// repeats nothing. Everything else is left to the hub's retries.
var unwrittenCodes = []kafka.Error{kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition}

// What becomes of an outlet behind a request.
type next uint8

const (
	goesOn     next = iota
	failed          // the topic is looked at again before more is sent
	oneByOne        // the records go again, each alone
	leaderless      // they go again when the partition's leader is known
)

// release lets an outlet go on after a request. w.mu is held.
func (w *writer) release(p *piece, now time.Time) {
	o := p.to
	switch p.next {
	case leaderless:
		o.back(p.records)
		if o.lost.IsZero() {
			o.lost = now
		}
		w.flights.Go(func() { w.seek(o) })
		return
	case oneByOne:
		o.back(p.records)
		o.alone = len(p.records)
	case failed:
		o.topic.forget()
	}
	o.lost = time.Time{}
	if o.busy = len(o.waiting) > 0; o.busy {
		w.lineUp(o)
	}
}

// leaderPause is the pause before the brokers are asked again who leads a partition.
const leaderPause = 100 * time.Millisecond

// seek waits until the outlet's partition has a leader, and lets the outlet go on.
func (w *writer) seek(o *outlet) {
	for {
		hub.Pause(context.Background(), w.adapter.env.Clock, leaderPause)
		w.mu.Lock()
		l := o.topic.look
		if l == nil {
			l = w.ask(o.topic, nil)
		}
		w.mu.Unlock()
		<-l.done
		w.mu.Lock()
		now := w.adapter.env.Clock.Now()
		gone := l.err != nil && hub.AsError(l.err).Reason == reasonNoTopic
		if late := now.Sub(o.lost) >= w.adapter.cfg.Timeout; late || gone {
			w.giveUp(o, l.err)
			w.mu.Unlock()
			return
		}
		if o.leader() >= 0 && l.err == nil {
			w.lineUp(o)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
	}
}

// giveUp fails everything that waits for a partition without a leader. w.mu is held.
func (w *writer) giveUp(o *outlet, err error) {
	if err == nil {
		err = kafka.LeaderNotAvailable
	}
	err = away(classify(o.topic.name, err))
	for _, p := range o.waiting {
		p.done <- err
	}
	o.waiting, o.busy, o.lost = nil, false, time.Time{}
	o.topic.forget()
}
