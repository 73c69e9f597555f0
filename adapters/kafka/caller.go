package kafka

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
	"orderhub/hub/broker"
	"orderhub/hub/units"
)

// Caller sends requests to a topic and waits for their replies (EIP Request-Reply).
type Caller struct {
	adapter *Adapter
	topic   string
	create  Create
	form    form
}

var _ hub.Caller = (*Caller)(nil)

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	q := c.adapter.replies
	ask, err := broker.Asking(ctx, c.adapter.env.Clock, m)
	if err != nil {
		return nil, hub.About("topic "+c.topic, err)
	}
	if _, err := q.keep.Get(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, hub.GaveUp(ctx, "topic "+c.topic+": not sent")
		}
		return nil, away(classify(q.topic, err))
	}
	token := q.own + strconv.FormatUint(q.asked.Add(1), 36)
	answer, forget := q.waiting.Expect(token)
	defer forget()
	p := c.request(ask, token)
	if err := c.adapter.out.post(ctx, c.topic, c.create, p); err != nil {
		return nil, err
	}
	for confirmed := p.done; ; confirmed = nil {
		select {
		case reply := <-answer:
			return broker.Reply(m, unaddressed(reply), nil)
		case err := <-confirmed:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			if confirmed != nil {
				return nil, c.adapter.out.abandon(ctx, p)
			}
			return nil, hub.GaveUp(ctx, "topic "+c.topic+": no reply")
		}
	}
}

// request encodes ask with a Return Address. The token is new at each attempt.
func (c *Caller) request(ask *hub.Message, token string) *parcel {
	p := newParcel(unaddressed(ask), c.form)
	replies := c.adapter.replies.topic
	p.add(hub.HeaderReplyTo, replyPlace+replies)
	p.add(headerRequest, token)
	p.add(headerReplyTopic, replies)
	p.add(headerCorrelationID, token)
	p.measure()
	return p
}

// replies reads the reply topic for all callers of the adapter: every partition, without a group, from its end at the time of the first request
// until the adapter is closed. Replies that come while the brokers are away are read when they are back.
type replies struct {
	adapter *Adapter
	topic   string
	own     string // begins the tokens of this adapter's requests
	link    *link
	keep    *broker.Keeper[bool] // opens the topic once
	ctx     context.Context
	stop    context.CancelFunc
	readers sync.WaitGroup
	asked   atomic.Uint64
	waiting broker.Requests[*hub.Message]
}

func newReplies(a *Adapter) *replies {
	topic := a.cfg.replyTopic(a.env)
	q := &replies{adapter: a, topic: topic, link: a.link(topic), own: hub.NewID(a.env.Clock.Now()) + "."}
	q.keep = broker.NewKeeper(a.env.Clock, broker.Reconnect{Min: 100 * time.Millisecond, Max: time.Second},
		broker.Link[bool]{Open: q.begin, Lost: func(bool) error { return nil }})
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

func (q *replies) close() {
	q.keep.Close()
	q.stop()
	q.readers.Wait()
	q.link.close()
}

// begin finds the ends of the partitions and starts a reader at each. A missing topic is created with one partition.
func (q *replies) begin(ctx context.Context) (opened bool, err error) {
	state, err := q.link.ensure(ctx, q.topic, q.adapter.cfg.creation(1))
	if err != nil {
		return false, err
	}
	ends := make([]int64, len(state.leaders))
	for i := range ends {
		log, err := q.link.span(ctx, i)
		if err != nil {
			return false, err
		}
		ends[i] = log.end
	}
	for i, at := range ends {
		q.readers.Go(func() { q.read(i, at) })
	}
	q.readers.Go(func() { q.watch(len(ends)) })
	return true, nil
}

// watch starts readers for partitions that are added, from their beginning.
func (q *replies) watch(known int) {
	for hub.Pause(q.ctx, q.adapter.env.Clock, stateAge) {
		if state, err := q.link.state(q.ctx, q.topic); err == nil {
			for ; known < len(state.leaders); known++ {
				i := known
				q.readers.Go(func() { q.read(i, 0) })
			}
		}
	}
}

// read reads a partition until the adapter is closed.
func (q *replies) read(partition int, at int64) {
	cfg := units.Defaults[SourceConfig]()
	r := &run{Source: &Source{topic: q.topic, form: onChannel}, env: q.adapter.env}
	for failures := 0; q.ctx.Err() == nil; {
		answer, err := q.link.fetch(q.ctx, partition, at, cfg)
		if err == nil {
			b := &batches{at: at, next: at, most: cfg.MaxMessage, aborted: answer.aborted}
			if err = b.read(answer.batches); err == nil {
				q.hand(r, partition, b.out)
				at, failures = b.next, 0
				continue
			}
		}
		if isCode(err, kafka.OffsetOutOfRange) { // what nobody waits for any more has gone, or all of the topic
			if log, e := q.link.span(q.ctx, partition); e == nil {
				at = log.first
			}
		}
		if failures++; failures == 1 && q.ctx.Err() == nil {
			q.adapter.env.Log.Info("replies can't be read, tried again", "topic", q.topic, "partition", partition, "error", err)
		}
		hub.Pause(q.ctx, q.adapter.env.Clock, retry.Delay(failures))
	}
}

// hand passes replies to their callers. It drops a second reply, and a reply whose caller has gone; replies to other adapters are passed over.
func (q *replies) hand(r *run, partition int, records []record) {
	for i := range records {
		m := &hub.Message{}
		r.message(m, partition, &records[i])
		if m.ID == r.id(partition, records[i].offset) {
			m.ID = ""
		}
		token := m.Headers[headerRequest]
		if token == "" {
			token = m.Headers[strings.ToLower(headerCorrelationID)]
		}
		if !strings.HasPrefix(token, q.own) {
			continue
		}
		if !q.waiting.Answer(token, m) {
			q.adapter.late.Drop(q.adapter.env.Log, q.adapter.env.Refuser, m, "topic "+q.topic, nil)
		}
	}
}

// retry bounds the pauses before what could not be read is fetched again.
var retry = hub.Retry{Min: 100 * time.Millisecond, Max: 10 * time.Second}
