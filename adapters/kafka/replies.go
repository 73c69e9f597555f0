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
)

// replies reads the reply topic for all callers of the adapter: every partition, without a group, from its end at the time when the first of
// them asks. It goes on until the adapter is closed; replies that come while the brokers are away are read when they are back.
type replies struct {
	adapter *Adapter
	topic   string
	own     string // begins the tokens of this adapter's requests
	link    *link
	ctx     context.Context
	stop    context.CancelFunc
	readers sync.WaitGroup
	asked   atomic.Uint64
	late    atomic.Uint64

	mu      sync.Mutex
	waiting map[string]chan *hub.Message
	opening *look
	opened  bool
	closed  bool
}

func newReplies(a *Adapter) *replies {
	topic := a.cfg.replyTopic(a.env)
	q := &replies{adapter: a, topic: topic, link: a.link(topic), waiting: map[string]chan *hub.Message{}}
	q.own = hub.NewID(a.env.Clock.Now()) + "."
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

func (q *replies) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.stop()
	q.readers.Wait()
	q.link.close()
}

// open returns when the topic is read. A missing one is made, with one partition.
func (q *replies) open(ctx context.Context) error {
	q.mu.Lock()
	l := q.opening
	switch {
	case q.opened:
		q.mu.Unlock()
		return nil
	case q.closed:
		q.mu.Unlock()
		return hub.ErrClosed
	case l == nil:
		l = &look{done: make(chan struct{})}
		q.opening = l
		q.readers.Go(func() { q.begin(l) })
	}
	q.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin looks where the partitions end, and reads on from there.
func (q *replies) begin(l *look) {
	ends, err := q.ends()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opening, q.opened, l.err = nil, err == nil, err
	close(l.done)
	if err != nil {
		return
	}
	for i, at := range ends {
		q.readers.Go(func() { q.read(i, at) })
	}
	q.readers.Go(func() { q.watch(len(ends)) })
}

func (q *replies) ends() (out []int64, err error) {
	state, err := q.link.ensure(q.ctx, q.topic, q.adapter.cfg.creation(1))
	if err != nil {
		return nil, err
	}
	for i := range state.leaders {
		log, err := q.span(i)
		if err != nil {
			return nil, err
		}
		out = append(out, log.end)
	}
	return out, nil
}

// span asks for the ends of a partition's log, also while it is new.
func (q *replies) span(partition int) (log span, err error) {
	err = patient(q.ctx, q.adapter.env.Clock, func() error {
		log, err = q.link.span(q.ctx, partition)
		return err
	})
	return log, err
}

// watch reads partitions that are added, from their beginning.
func (q *replies) watch(known int) {
	for q.pause(stateAge) {
		if state, err := q.link.state(q.ctx, q.topic); err == nil {
			for ; known < len(state.leaders); known++ {
				i := known
				q.readers.Go(func() { q.read(i, 0) })
			}
		}
	}
}

func (q *replies) pause(d time.Duration) bool {
	t := q.adapter.env.Clock.Timer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-q.ctx.Done():
		return false
	}
}

// read reads a partition until the adapter is closed.
func (q *replies) read(partition int, at int64) {
	cfg := defaultSource()
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
		q.pause(retry.Delay(failures))
	}
}

// hand gives replies to their callers. A second one, and one whose caller has gone, is dropped; those to others are theirs.
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
		q.mu.Lock()
		answer := q.waiting[token]
		delete(q.waiting, token)
		q.mu.Unlock()
		if answer != nil {
			answer <- m
			continue
		}
		q.late.Add(1)
		q.adapter.env.Refused(hub.LateReply(m, "topic "+q.topic))
		q.adapter.env.Log.Warn("reply dropped: nobody waits for it any more", "event", "late_reply", "topic", q.topic, "correlation", token, "message", m.ID)
	}
}

// expect makes the token of a new request, and the channel that its reply comes by.
func (q *replies) expect() (token string, answer <-chan *hub.Message) {
	token = q.own + strconv.FormatUint(q.asked.Add(1), 36)
	ch := make(chan *hub.Message, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[token] = ch
	return token, ch
}

func (q *replies) forget(token string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, token)
}
