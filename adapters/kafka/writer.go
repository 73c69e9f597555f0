package kafka

import (
	"context"
	"slices"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// writer is the way to the brokers for all that the adapter sends. What waits for partitions of one broker goes together in one request; what
// comes while that is under way goes in the next: a lone record leaves at once, many leave together.
//
// The library's Writer is not used: it makes a lone message wait for its batch time, reserves room for a full batch each time, and when a
// batch is too large for the broker it fails the small messages in it, too.
type writer struct {
	adapter *Adapter
	link    *link

	mu       sync.Mutex
	topics   map[string]*topic
	couriers map[int32]*courier
	closed   bool
	flights  sync.WaitGroup

	used sync.Pool // of *parcel
}

// topic is what is known of a topic that is written to.
type topic struct {
	name    string
	state   topicState
	ids     []int     // of its partitions
	looked  time.Time // when the brokers told it; zero: they are to be asked
	look    *look     // under way
	outlets []*outlet
	turn    int // of records without key
}

// look is a question to the brokers whose answer many senders may wait for.
type look struct {
	done chan struct{}
	err  error
}

// stateAge is how long the list of partitions is used before the brokers are asked again.
const stateAge = 5 * time.Second

func newWriter(a *Adapter) *writer {
	return &writer{adapter: a, link: a.link(""), topics: map[string]*topic{}, couriers: map[int32]*courier{}}
}

// close waits for the requests that are under way. After it nothing is sent.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.flights.Wait()
	w.link.close()
}

// sendMessage sends a message. See send.
func (w *writer) sendMessage(ctx context.Context, name string, create Create, m *hub.Message, f form) error {
	p, ok := w.used.Get().(*parcel)
	if !ok {
		p = &parcel{done: make(chan error, 1)}
	}
	p.fill(m, f)
	err := w.send(ctx, name, create, p)
	if err == nil { // else it may be under way yet
		clear(p.headers)
		p.key, p.value, p.outlet = "", nil, nil
		w.used.Put(p)
	}
	return err
}

// send returns nil when all in-sync replicas have the record. A missing topic is created as create says.
func (w *writer) send(ctx context.Context, name string, create Create, p *parcel) error {
	if err := w.post(ctx, name, create, p); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return w.abandon(ctx, p)
	}
}

// post queues p. What becomes of it is sent to p.done.
func (w *writer) post(ctx context.Context, name string, create Create, p *parcel) error {
	if err := ctx.Err(); err != nil {
		return hub.AsError(err)
	}
	if most := w.adapter.cfg.MaxMessage; p.size+headSize > most {
		return hub.Fail(hub.Rejected, "too_large", "the record has %d bytes, max_message is %d", p.size+headSize, most).Tell()
	}
	t, err := w.find(ctx, name, create)
	if err != nil {
		return away(classify(name, err))
	}
	if !w.put(t, p) {
		return hub.AsError(hub.ErrClosed)
	}
	return nil
}

// abandon gives p up because ctx has ended. The error says whether p may have been sent.
func (w *writer) abandon(ctx context.Context, p *parcel) error {
	w.mu.Lock()
	waited := p.outlet.remove(p)
	w.mu.Unlock()
	if waited {
		return hub.AsError(ctx.Err())
	}
	return hub.Fail(hub.AsError(ctx.Err()).Class, "unconfirmed", "topic %s: not confirmed yet: %w", p.outlet.topic.name, ctx.Err())
}

// find returns the topic as the brokers described it lately.
func (w *writer) find(ctx context.Context, name string, create Create) (*topic, error) {
	now := w.adapter.env.Clock.Now()
	w.mu.Lock()
	t := w.topics[name]
	if t == nil {
		t = &topic{name: name}
		w.topics[name] = t
	}
	l := t.look
	if l == nil && now.Sub(t.looked) > stateAge && !w.closed {
		l = w.ask(t, create)
	}
	good := t.state.there() && !t.looked.IsZero()
	w.mu.Unlock()
	if good || l == nil { // an old view will do until there is a newer one
		return t, nil
	}
	select {
	case <-l.done:
		return t, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask begins to look at the topic. A missing one is created if it may be. w.mu is held.
func (w *writer) ask(t *topic, create Create) *look {
	l := &look{done: make(chan struct{})}
	t.look = l
	w.flights.Go(func() {
		defer close(l.done)
		state, err := w.link.state(context.Background(), t.name)
		if err == nil && !state.there() {
			state, err = w.make(t.name, create)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		t.look, l.err = nil, err
		if err != nil {
			t.forget()
			return
		}
		t.state, t.looked = state, w.adapter.env.Clock.Now()
		for i := len(t.outlets); i < len(state.leaders); i++ {
			t.outlets = append(t.outlets, &outlet{topic: t, partition: i})
			t.ids = append(t.ids, i)
		}
	})
	return l
}

// make creates a missing topic. The library waits until it sees the topic, so this needs a link that looks at it.
func (w *writer) make(name string, create Create) (topicState, error) {
	if create.Partitions == 0 {
		return topicState{}, noTopic(name)
	}
	l := w.adapter.link(name)
	defer l.close()
	return l.ensure(context.Background(), name, create)
}

// forget makes the next send look at the topic again. The writer's mu is held.
func (t *topic) forget() { t.looked = time.Time{} }

// put queues p at the outlet of its partition, which for a key is the one that Kafka's own clients choose. It returns
// false if the writer is closed.
func (w *writer) put(t *topic, p *parcel) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(t.state.leaders)
	switch {
	case w.closed || n == 0:
		return false
	case p.partition >= 0 && p.partition < n: // as its receiver wants it
		n = p.partition
	case !p.keyed:
		t.turn++
		n = t.turn % n
	default:
		n = kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: []byte(p.key)}, t.ids[:n]...)
	}
	o := t.outlets[n]
	p.outlet = o
	o.waiting = append(o.waiting, p)
	if !o.busy {
		o.busy = true
		w.lineUp(o)
	}
	return true
}

// lineUp hands o to the courier of its partition's leader. w.mu is held.
func (w *writer) lineUp(o *outlet) {
	leader := o.leader()
	c := w.couriers[leader]
	if c == nil {
		c = &courier{writer: w, leader: leader}
		w.couriers[leader] = c
	}
	c.line = append(c.line, o)
	if c.flying < mostFlying {
		c.flying++
		w.flights.Go(c.run)
	}
}

// outlet is the queue of one partition. One request is under way for it at a time, which keeps the order. Its fields are guarded by writer.mu.
type outlet struct {
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

// take removes the next batch: at most so many bytes, but at least one record.
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

// leader returns the broker that leads the partition, or -1 if there is none now.
func (o *outlet) leader() int32 {
	if leaders := o.topic.state.leaders; o.partition < len(leaders) {
		return leaders[o.partition]
	}
	return -1
}

// back puts a batch before the records that wait.
func (o *outlet) back(batch []*parcel) { o.waiting = slices.Concat(batch, o.waiting) }

// remove removes p from the records that wait, and reports whether it was one of them.
func (o *outlet) remove(p *parcel) bool {
	i := slices.Index(o.waiting, p)
	if i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
	}
	return i >= 0
}
