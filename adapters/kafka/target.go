package kafka

import (
	"context"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"orderhub/hub"
)

// Target writes records to a topic. Records of one key go to one partition, in the order of their Sends.
//
// The library's Writer is not used: it makes a lone message wait for its batch time and reserves room for a full batch each time, and when
// a batch is too large for the broker it fails the small messages in it, too.
type Target struct {
	adapter *Adapter
	link    *link
	create  bool
	hash    kafka.Hash

	mu      sync.Mutex
	lanes   map[int]*outlet
	ids     []int     // of the partitions
	looked  time.Time // when the brokers told them
	closed  bool
	writing sync.WaitGroup
}

var _ hub.Target = (*Target)(nil)

func newTarget(a *Adapter, topic string, create bool) *Target {
	return &Target{adapter: a, link: a.link(topic), create: create, lanes: map[int]*outlet{}}
}

// Send returns nil only after all in-sync replicas have the record. A record whose confirmation did not come in time may be there all the
// same; sent again, it has the same header hub-id.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	if err := ctx.Err(); err != nil {
		return hub.AsError(err)
	}
	if !t.enter() {
		return hub.AsError(hub.ErrClosed)
	}
	defer t.writing.Done()
	p := newParcel(m)
	if p.size > t.adapter.cfg.MaxMessage {
		return hub.Fail(hub.Rejected, "too_large", "topic %s: the record has %d bytes, max_message is %d", t.link.topic, p.size, t.adapter.cfg.MaxMessage)
	}
	ids, err := t.partitions(ctx)
	if err != nil {
		return classify(t.link.topic, err)
	}
	o := t.outlet(t.hash.Balance(kafka.Message{Key: p.key}, ids...))
	o.put(p)
	select {
	case err := <-p.done:
		return classify(t.link.topic, err)
	case <-ctx.Done():
		if o.withdraw(p) {
			return hub.AsError(ctx.Err())
		}
		return hub.Fail(hub.AsError(ctx.Err()).Class, "unconfirmed", "topic %s: not confirmed yet: %w", t.link.topic, ctx.Err())
	}
}

// enter begins a Send; false: the target is closed. Its connections would be opened anew, and stay.
func (t *Target) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.writing.Add(1)
	}
	return !t.closed
}

// Close waits for the Sends that run, and for what is being written.
func (t *Target) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.writing.Wait()
	t.link.close()
	return nil
}

// layoutAge is how long the list of partitions is used before the library is asked again; that one asks the brokers.
const layoutAge = time.Second

func (t *Target) partitions(ctx context.Context) ([]int, error) {
	now := t.adapter.env.Clock.Now()
	t.mu.Lock()
	ids, looked := t.ids, t.looked
	t.mu.Unlock()
	if ids != nil && now.Sub(looked) < layoutAge {
		return ids, nil
	}
	n, err := t.count(ctx)
	if err != nil {
		return nil, err
	}
	if n != len(ids) {
		ids = make([]int, n)
		for i := range ids {
			ids[i] = i
		}
	}
	t.mu.Lock()
	t.ids, t.looked = ids, now
	t.mu.Unlock()
	return ids, nil
}

// count is the number of partitions; a missing topic is created if it may.
func (t *Target) count(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, t.adapter.cfg.Timeout)
	defer cancel()
	for try := 0; ; try++ {
		r, err := t.link.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.link.topic}})
		if err != nil {
			return 0, err
		}
		if len(r.Topics) == 1 && r.Topics[0].Error == nil && len(r.Topics[0].Partitions) > 0 {
			return len(r.Topics[0].Partitions), nil
		}
		if len(r.Topics) == 1 && r.Topics[0].Error != nil && !isCode(r.Topics[0].Error, kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable) {
			return 0, r.Topics[0].Error
		}
		if !t.create || try == 1 {
			return 0, noTopic(t.link.topic)
		}
		if err := t.link.create(ctx, t.adapter.cfg.Create); err != nil {
			return 0, err
		}
	}
}

// forget makes the next Send look at the partitions again.
func (t *Target) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = time.Time{}
}

// outlet is the way to a partition.
func (t *Target) outlet(partition int) *outlet {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.lanes[partition]
	if o == nil {
		o = &outlet{target: t, partition: partition}
		t.lanes[partition] = o
	}
	return o
}
