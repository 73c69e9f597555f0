package core

import (
	"fmt"
	"sync"
	"time"

	"orderhub/hub"
)

// Queue is what the stores that keep claims in memory know alike of a queue. All but Serial is guarded by the lock of
// its store.
type Queue struct {
	ID     int64
	Name   string
	Serial sync.Mutex // one claimer at a time: nothing is loaded twice

	Claims map[int64]*Claim
	Due    time.Time // no waiting message that is unclaimed falls due before; zero: none waits
	lease  time.Time // no claim ends before; zero: no claim has an end
	ended  []string  // see TakeEnded
}

// Queued is a store's own queue with a Queue in it.
type Queued interface {
	comparable
	Base() *Queue
}

// Base is q itself: what embeds a Queue is Queued by it.
func (q *Queue) Base() *Queue { return q }

// Claim is one message in the hands of the hub.
type Claim struct {
	D     *hub.Delivery
	Lease int64     // of the queue, under which it was claimed
	until time.Time // zero: no end
	Busy  bool      // its unit is being written
	Taken bool      // by Pick: the reader of the queue does not know that the message goes
}

// Pick is Give for somebody who is not the reader of the queue.
func (q *Queue) Pick(d *hub.Delivery, lease, claim int64, now time.Time, lasting time.Duration) *hub.Delivery {
	mine := q.Give(d, lease, claim, now, lasting)
	q.Claims[d.Seq].Taken = true
	return mine
}

// Leaves is the key that the reader of the queue is to be told of (Ends), because the message of the claim has ended; "" where it knows.
func (c *Claim) Leaves(to hub.State) string {
	if c.Taken && c.D.State != hub.Dead && (to == hub.Done || to == hub.Dead) {
		return c.D.Msg.Key
	}
	return ""
}

// epochBits are the bits of a Delivery.Epoch that count claims; above them stands what is counted by starts or leases.
const epochBits = 36

// Give claims d for the caller, whose own copy it returns. The epoch is the lease's number and the claim's: a claim that
// was released, expired or replaced is fenced, and so is one of an earlier lease. A lasting 0 has no end.
func (q *Queue) Give(d *hub.Delivery, lease, claim int64, now time.Time, lasting time.Duration) *hub.Delivery {
	kept := *d
	kept.Epoch = lease<<epochBits | claim
	c := &Claim{D: &kept, Lease: lease}
	if lasting > 0 {
		c.until = now.Add(lasting)
		q.lease = Earlier(q.lease, c.until)
	}
	q.Claims[d.Seq] = c
	mine := kept
	return &mine
}

// Claimed is the claim that d was given with, unless it is used up or its unit is being written.
func (q *Queue) Claimed(d *hub.Delivery) *Claim {
	c := q.Claims[d.Seq]
	if c == nil || c.D.Epoch != d.Epoch || c.Busy {
		return nil
	}
	return c
}

// use makes the claim of a unit's input busy. It is ErrLost when the input is not claimed so any more.
func (q *Queue) use(in *hub.Delivery) (*Claim, error) {
	c := q.Claimed(in)
	if c == nil {
		return nil, NotClaimed(in)
	}
	c.Busy = true
	return c, nil
}

// NotClaimed is the error of a unit whose input is not claimed any more.
func NotClaimed(in *hub.Delivery) error {
	return fmt.Errorf("message %d of queue %q is not claimed any more: %w", in.Seq, in.Queue, hub.ErrLost)
}

// Expire frees the claims that have ended. One that is being written stays until that is settled.
func (q *Queue) Expire(now time.Time, free func(c *Claim)) {
	if q.lease.IsZero() || q.lease.After(now) {
		return
	}
	q.lease = time.Time{}
	for _, c := range q.Claims {
		switch {
		case c.until.IsZero():
		case c.until.After(now) || c.Busy:
			q.lease = Earlier(q.lease, c.until)
		default:
			free(c)
		}
	}
}

// Release frees the claims of given messages that are theirs still. Those of held ones are made busy and returned: the
// store has to make these messages ready, durably. queue finds a queue; zero: there is none of the name.
func Release[Q Queued](given []*hub.Delivery, queue func(name string) Q, free func(q Q, c *Claim)) (held []*Claim) {
	var none Q
	for _, d := range given {
		q := queue(d.Queue)
		if q == none {
			continue
		}
		switch c := q.Base().Claimed(d); {
		case c == nil:
		case c.D.State == hub.Held:
			c.Busy = true
			held = append(held, c)
		default:
			free(q, c)
		}
	}
	return held
}

// Ends notes that a message of the key ended without having been given to anybody.
func (q *Queue) Ends(key string) {
	if key != "" {
		q.ended = append(q.ended, key)
	}
}

// TakeEnded gives the keys of the messages that ended so since the last call.
func (q *Queue) TakeEnded() []string {
	ended := q.ended
	q.ended = nil
	return ended
}
