package amqp

import (
	"runtime"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// acks tells the server which deliveries of one channel are settled. Deliveries are acknowledged in ranges, from the
// oldest one on; a delivery is acknowledged by itself only when an older one takes long. The server is told by one
// goroutine, so that deliveries that are settled together share one frame.
type acks struct {
	ch    *amqp.Channel
	clock hub.Clock
	most  int        // that are settled and wait behind a delivery that takes long
	kick  hub.Signal // something was settled
	end   chan struct{}
	done  chan struct{} // run has returned

	mu    sync.Mutex
	first uint64 // tag of window[0]
	// window are the deliveries from the oldest that is not settled on, in the order of their tags.
	window []state
	behind int       // settled ones in the window
	since  time.Time // when the oldest of them was; zero: there is none
}

// state is what has become of a delivery.
type state uint8

const (
	begun   state = iota // with us
	settled              // to be acknowledged
	over                 // the server knows
)

// waitBehind is how long a settled delivery waits for older ones before it is acknowledged by itself.
const waitBehind = 100 * time.Millisecond

func newAcks(ch *amqp.Channel, clock hub.Clock, prefetch int) *acks {
	a := &acks{ch: ch, clock: clock, most: prefetch / 2, first: 1, kick: hub.NewSignal(), end: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// came notes the next delivery of the channel. Delivery tags count up from 1.
func (a *acks) came() {
	a.mu.Lock()
	a.window = append(a.window, begun)
	a.mu.Unlock()
}

// ack acknowledges a delivery soon. If the channel is lost before, the server delivers the message again.
func (a *acks) ack(tag uint64) { a.settle(tag, settled) }

// nack returns a delivery to the queue or, without requeue, to the queue's dead letter exchange. It tells the server at
// once, before an acknowledgement of a range can include the delivery.
func (a *acks) nack(tag uint64, requeue bool) {
	_ = a.ch.Nack(tag, false, requeue)
	a.settle(tag, over)
}

func (a *acks) settle(tag uint64, s state) {
	a.mu.Lock()
	a.window[tag-a.first] = s
	if s == settled {
		if a.behind++; a.since.IsZero() {
			a.since = a.clock.Now()
		}
	}
	a.mu.Unlock()
	a.kick.Give()
}

// run acknowledges what is settled until close is called.
func (a *acks) run() {
	defer close(a.done)
	for {
		var late <-chan time.Time
		stop := func() {}
		if wait := a.flush(false); wait > 0 {
			t := a.clock.Timer(wait)
			late, stop = t.C(), t.Stop
		}
		select {
		case <-a.kick:
			runtime.Gosched() // what was confirmed together is settled together: let it be
			runtime.Gosched()
		case <-late:
		case <-a.end:
			stop()
			a.flush(true)
			return
		}
		stop()
	}
}

// flush sends the acknowledgements that are due, or all with all. It returns the time after which the others are due; 0 means that there are none.
func (a *acks) flush(all bool) (wait time.Duration) {
	upTo, single, wait := a.collect(all)
	if upTo > 0 {
		_ = a.ch.Ack(upTo, true)
	}
	for _, tag := range single {
		_ = a.ch.Ack(tag, false)
	}
	return wait
}

// collect takes the acknowledgements that are due: of all deliveries up to upTo, and of single ones.
func (a *acks) collect(all bool) (upTo uint64, single []uint64, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for ; n < len(a.window) && a.window[n] != begun; n++ {
		if a.window[n] == settled {
			upTo = a.first + uint64(n)
			a.behind--
		}
	}
	a.window, a.first = a.window[n:], a.first+uint64(n)
	if a.behind == 0 {
		a.since = time.Time{}
		return upTo, nil, 0
	}
	now := a.clock.Now()
	if upTo > 0 {
		a.since = now // the oldest of the rest is younger
	}
	if wait = waitBehind - now.Sub(a.since); !all && wait > 0 && a.behind < a.most {
		return upTo, nil, wait
	}
	for i, s := range a.window {
		if s == settled {
			single = append(single, a.first+uint64(i))
			a.window[i] = over
		}
	}
	a.behind, a.since = 0, time.Time{}
	return upTo, single, 0
}

// close returns after all that is settled has been acknowledged.
func (a *acks) close() {
	close(a.end)
	<-a.done
}
