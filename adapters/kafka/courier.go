package kafka

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

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
	for room := []byte(nil); ; {
		runtime.Gosched() // lets senders that are about to come join, without a timer
		runtime.Gosched()
		load := c.load()
		if load == nil {
			return
		}
		room = c.carry(load, room)
	}
}

// load takes what waits, as much as fits into one request. It returns nil when nothing waits; then the next record starts a new run.
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
func (c *courier) carry(load []piece, room []byte) []byte {
	w := c.writer
	p := &produceRequest{timeout: w.adapter.cfg.Timeout, pieces: load, now: w.adapter.env.Clock.Now()}
	r := &toBroker[struct{}]{broker: c.broker, request: request[struct{}]{
		key: protocol.Produce, client: w.link.name, room: room, version: since(7), body: p.encode, parse: p.parse}}
	var err error = kafka.LeaderNotAvailable
	if c.leader >= 0 {
		_, err = ask[struct{}](context.Background(), w.link, p.timeout, r)
	}
	for i := range load {
		if p := &load[i]; err == nil && p.code == 0 { // told first, while nothing is locked
			p.tell(nil)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range load {
		w.goOn(&load[i], err, p.begun.Load(), p.now)
	}
	if err != nil { // the request may be on its way yet
		return nil
	}
	return r.room
}

func (c *courier) broker(cluster protocol.Cluster) (protocol.Broker, error) {
	b, ok := cluster.Brokers[c.leader]
	if !ok {
		return b, fmt.Errorf("broker %d is not there: %w", c.leader, protocol.ErrNoLeader)
	}
	return b, nil
}

// tell reports to the senders what became of their records.
func (p *piece) tell(err error) {
	for _, r := range p.records {
		r.done <- err
	}
}

// goOn lets an outlet go on after a request. Its records are written, which was told, or go again, or their senders are told why not. w.mu is held.
func (w *writer) goOn(p *piece, err error, begun bool, now time.Time) {
	o, lost := p.to, p.to.lost
	o.lost = time.Time{}
	if err == nil && p.code != 0 {
		err = p.code
	}
	switch {
	case err == nil:
	case len(p.records) > 1 && isCode(err, kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord):
		o.back(p.records)
		o.alone = len(p.records) // one by one: the others are not to blame
	case (!begun && moved(err) || isCode(err, unwrittenCodes...)) && (lost.IsZero() || now.Sub(lost) < w.adapter.cfg.Timeout):
		o.back(p.records)
		o.lost = cmp.Or(lost, now)
		w.flights.Go(func() { w.seek(o) })
		return
	default:
		if err = classify(o.topic.name, err); !begun {
			err = away(err)
		}
		p.tell(err)
		o.topic.forget()
	}
	if o.busy = len(o.waiting) > 0; o.busy {
		w.lineUp(o)
	}
}

// unwrittenCodes are answers of a broker that is not the leader, or not yet. Nothing was written, so to ask again
// repeats nothing. Everything else is left to the hub's retries.
var unwrittenCodes = []kafka.Error{kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition}

// leaderPause is the pause before the brokers are asked again who leads a partition.
const leaderPause = 100 * time.Millisecond

// seek waits until the outlet's partition has a leader, and lets the outlet go on.
func (w *writer) seek(o *outlet) {
	for {
		hub.Pause(context.Background(), w.adapter.env.Clock, leaderPause)
		w.mu.Lock()
		l := o.topic.look
		if l == nil {
			l = w.ask(o.topic, Create{})
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
