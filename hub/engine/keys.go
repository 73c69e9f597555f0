package engine

import (
	"context"

	"orderhub/hub"
)

// blocking is why the messages of a key are held.
type blocking uint8

const (
	retryComes blocking = iota // its retry is about to be put
	retryWaits                 // its retry lies in the store
	retryOver                  // what is held is to be fetched
)

// came takes notice of a message that was put into the queue.
func (d *dispatcher) came(p *hub.Put) {
	d.load.arrived.Add(1)
	if p.Msg != nil {
		d.load.bytes.Add(int64(p.Msg.Body.Len()))
	}
	if p.Error != nil && p.Due.IsZero() {
		d.stage.count.buried(p.Error.Class)
	}
	if p.Adds() && p.Msg.Key != "" {
		retry := p.Error != nil && !p.Due.IsZero()
		d.mu.Lock()
		if d.tracks() && (p.Error == nil || retry) {
			d.lying[p.Msg.Key]++
		}
		if b, ok := d.blocked[p.Msg.Key]; ok && b == retryComes && retry {
			d.blocked[p.Msg.Key] = retryWaits
		}
		d.mu.Unlock()
	}
	d.kick.Give()
}

// left takes notice of a message of the key that lies in the queue no more. d.mu is held.
func (d *dispatcher) left(key string) {
	if !d.tracks() {
		return
	}
	if d.lying[key]--; d.lying[key] <= 0 {
		delete(d.lying, key)
	}
}

// holds tells whether a message of the key must wait behind others in the queue.
func (d *dispatcher) holds(ctx context.Context, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	if d.rt.shared != nil {
		return d.rt.shared.Blocked(ctx, d.stage.Queue, key)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, blocked := d.blocked[key]
	return blocked || d.lying[key] > 0, nil
}

// block makes later messages of the key wait behind one that is about to be put
// with a due time. It tells whether that is news.
func (d *dispatcher) block(key string) bool {
	if key == "" || d.rt.shared != nil {
		return false // the store of several hubs sees to that
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.blocked[key]; ok {
		return false
	}
	d.blocked[key] = retryComes
	return true
}

// unblock lets the key go on: what it was blocked for was not put.
func (d *dispatcher) unblock(key string) {
	d.mu.Lock()
	d.blocked[key] = retryOver
	d.mu.Unlock()
	d.kick.Give()
}

// free lets keys go on whose retry ended without this hub's doing: it was found
// damaged, or replaced or dropped by its name, or another hub has it. Which retries still
// wait the store tells, while no lane may change what blocks. freed: what is held may be fetched now.
func (d *dispatcher) free(ctx context.Context) (freed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, d.rt.store.Ended(d.stage.Queue)...)
	if len(d.ended) == 0 {
		return false, nil
	}
	var keys []string
	if len(d.blocked) > 0 {
		if keys, err = d.rt.store.Retrying(ctx, d.stage.Queue); err != nil {
			return false, err
		}
	}
	for _, key := range d.ended {
		d.left(key)
	}
	d.ended = nil
	waiting := make(map[string]bool, len(keys))
	for _, key := range keys {
		waiting[key] = true
	}
	for key, b := range d.blocked {
		if b == retryWaits && d.lines[key] == nil && !waiting[key] {
			d.blocked[key], freed = retryOver, true
		}
	}
	return freed, nil
}
