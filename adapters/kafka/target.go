package kafka

import (
	"context"
	"sync"

	"orderhub/hub"
)

// Target writes records to a topic. Records of one key go to one partition, in the order of their Sends.
type Target struct {
	adapter *Adapter
	topic   string
	create  *Create
	form    form

	mu      sync.Mutex
	closed  bool
	writing sync.WaitGroup
}

var _ hub.Target = (*Target)(nil)

// Send returns nil only after all in-sync replicas have the record. A record whose confirmation did not come in time may be there all the
// same; sent again, it has the same header hub-id.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	if !t.enter() {
		return hub.AsError(hub.ErrClosed)
	}
	defer t.writing.Done()
	return t.adapter.out.sendMessage(ctx, t.topic, t.create, m, t.form)
}

// enter begins a Send; false: the target is closed.
func (t *Target) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.writing.Add(1)
	}
	return !t.closed
}

// Close waits for the Sends that run. The connections are the adapter's.
func (t *Target) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.writing.Wait()
	return nil
}
