package kafka

import (
	"context"
	"encoding/binary"
	"fmt"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// partition is one of our partitions in a generation.
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

// read fetches records and hands them over. It returns nil when ctx is done, and otherwise why it can't go on.
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

// fetch returns the records from an offset on.
func (p *partition) fetch(ctx context.Context, at int64) (*batches, error) {
	answer, err := patient(ctx, p.env.Clock, func() (fetched, error) { return p.link.fetch(ctx, p.id, at, &p.cfg) })
	if err != nil {
		return nil, err
	}
	b := &batches{at: at, next: at, most: p.cfg.MaxMessage, strict: p.tries < mostTries, aborted: answer.aborted}
	if err = b.read(answer.batches); err == nil || b.next > at { // what can't be read is met again
		p.tries = 0
		return b, nil
	}
	if p.tries++; !b.strict {
		return nil, err // where the next batch begins can't be told
	}
	p.env.Log.Warn("batch can't be read, fetched again", "topic", p.topic, "partition", p.id, "offset", at, "error", err)
	return b, nil
}

// take hands a record over. It returns false when ctx was done first, and the record was not taken.
func (p *partition) take(ctx context.Context, r *record) bool {
	j := &job{part: p, offset: r.offset}
	j.reply, j.Msg = p.message(&j.msg, p.id, r), &j.msg
	switch {
	case r.fault != nil:
		j.Fault = hub.Fail(r.fault.Class, r.fault.Reason, "topic %s, partition %d, offset %d: %w", p.topic, p.id, r.offset, r.fault.Err)
	case !p.wanted.takes(j.msg.Headers):
		p.track.done(p.track.begin(r.offset))
		return true
	case j.reply != nil:
		j.ReplyTo = "topic " + j.reply.topic
	}
	if j.msg.Key == "" && p.form == onTopic {
		p.noKey.Do(func() {
			p.env.Log.Warn("records without key have no order", "topic", p.topic, "partition", p.id, "offset", r.offset)
		})
	}
	j.number = p.track.begin(r.offset) // before it can be finished; one that is not taken is never done, so never committed
	return p.intake.Put(ctx, j)
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

// job is a record that is not finished yet.
type job struct {
	broker.Delivery
	msg    hub.Message
	part   *partition
	number uint64 // in the partition's tracker
	offset int64
	reply  *address // Return Address of a request
}

// mostBehind is how many records may wait behind others of their keys.
const mostBehind = 1 << 13

// begin makes the generation ready for records. A record that runs long, or waits for its next try, takes no room of other keys.
func (g *generation) begin() {
	g.intake = &broker.Intake[*job]{Env: g.env, Handler: g.handler, Work: g.work, Settler: g, About: []any{"topic", g.topic}, Late: &g.adapter.late,
		Workers: g.cfg.Workers, Lanes: 2 * g.cfg.Workers, Behind: mostBehind}
	g.intake.Start()
}

// Done notes that a record is handled.
func (g *generation) Done(j *job) {
	if j.part.track.done(j.number) >= manyRecords {
		g.enough.Give()
	}
}

// Requeue is never called: Kafka takes no record back.
func (g *generation) Requeue(*job) {}

// Refuse passes over a record that gives no message, or that the hub can't take for good. The hub itself keeps wrong messages as dead letters, so
// the latter are messages that it can't even keep. The requester of a request has been told. The record stays in its topic.
func (g *generation) Refuse(j *job, e *hub.Error) {
	what := "record passed over"
	if j.Fault != nil {
		what = "record refused"
	}
	if j.ReplyTo == "" {
		g.env.Log.Error(what, "event", e.Reason, "topic", g.topic, "partition", j.part.id, "offset", j.offset, "class", e.Class, "error", e)
	}
	g.Done(j)
}

// Reply sends the answer to the request's Return Address.
func (g *generation) Reply(ctx context.Context, j *job, answer *hub.Message) error {
	send := func(m *hub.Message) error {
		return g.adapter.out.send(ctx, j.reply.topic, Create{}, j.reply.answer(j.Msg, m))
	}
	err := send(answer)
	if e := hub.AsError(err); err != nil && e.Class == hub.Rejected { // too large: the requester is told so
		err = send(hub.ErrorReply(j.Msg, e))
	}
	return err
}

// fetched is the answer of a leader: whole batches, the last of which may be cut.
type fetched struct {
	code    kafka.Error
	aborted []abort
	batches []byte
}

var errOld = fmt.Errorf("the broker is older than Kafka 2.1: %w", kafka.UnsupportedVersion)

// since writes version v if the broker knows it, and fails with errOld otherwise.
func since(v int16) func(known int16) (int16, error) {
	return func(known int16) (int16, error) {
		if known < v {
			return 0, errOld
		}
		return v, nil
	}
}

// leader returns the broker that leads a partition.
func leader(c protocol.Cluster, topic string, partition int) (b protocol.Broker, err error) {
	t, ok := c.Topics[topic]
	if !ok {
		return b, protocol.NewErrNoTopic(topic)
	}
	p, ok := t.Partitions[int32(partition)]
	if !ok {
		return b, protocol.NewErrNoPartition(topic, int32(partition))
	}
	if b, ok = c.Brokers[p.Leader]; !ok {
		return b, protocol.NewErrNoLeader(topic, int32(partition))
	}
	return b, nil
}

// fetch asks the leader of a partition for the batches from an offset on, in version 10 of the protocol (Kafka 2.1).
func (l *link) fetch(ctx context.Context, partition int, at int64, cfg *SourceConfig) (fetched, error) {
	f, err := ask[fetched](ctx, l, cfg.MaxWait+l.timeout, &toBroker[fetched]{
		request: request[fetched]{key: protocol.Fetch, client: l.name, version: since(10), parse: parseFetched,
			body: func(b []byte) []byte { return appendFetch(b, l.topic, partition, at, cfg) }},
		broker: func(c protocol.Cluster) (protocol.Broker, error) { return leader(c, l.topic, partition) },
	})
	if err == nil && f.code != 0 {
		err = f.code
	}
	return f, err
}

const readCommitted = 1

func appendFetch(b []byte, topic string, partition int, at int64, cfg *SourceConfig) []byte {
	most := int32(cfg.MaxBytes)
	b = appendInts(b, -1, int32(cfg.MaxWait.Milliseconds()), 1, most) // no replica; bytes at least, at most
	b = appendInts(append(b, readCommitted), 0, -1, 1)                // no session; one topic
	b = appendInts(appendText(b, topic), 1, int32(partition), -1)     // one partition; whatever the leader's epoch
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = appendInts(b, -1, -1)     // where a replica's log begins: none
	return appendInts(b, most, 0) // forgets no topics
}

func parseFetched(w *wire) (f fetched, err error) {
	w.int32() // throttled
	f.code = kafka.Error(w.int16())
	w.int32() // session
	if f.code != 0 && !w.bad {
		return f, nil
	}
	if !w.one() {
		return f, errOther
	}
	w.text()
	if !w.one() {
		return f, errOther
	}
	w.int32()
	f.code = kafka.Error(w.int16())
	w.take(24) // ends of the log
	f.aborted = make([]abort, w.array())
	for i := range f.aborted {
		f.aborted[i] = abort{w.int64(), w.int64()}
	}
	w.int32() // bytes of the batches; an answer that was cut has less
	f.batches = w.b
	return f, nil
}
