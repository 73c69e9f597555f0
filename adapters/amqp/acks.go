package amqp

import (
	"runtime"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// acks tells the server which deliveries of a channel are settled. It takes
// one acknowledgement for all deliveries up to one, and looks for a delivery
// from the oldest on: so what is settled is told from the front on, many at
// once, and one by one only behind a delivery that takes long.
type acks struct {
	ch    *amqp.Channel
	clock hub.Clock
	most  int           // that are settled and wait behind a delivery that takes long
	kick  chan struct{} // something was settled
	end   chan struct{}
	done  chan struct{} // run has returned

	mu    sync.Mutex
	first uint64 // tag of window[0]
	// window are the deliveries from the oldest that is not settled on, in the order of their tags.
	window []state
	behind int       // settled ones in the window
	since  time.Time // when the oldest of them was; zero: there is none
}

// state of a delivery.
type state uint8

const (
	begun   state = iota // with us
	settled              // to be acknowledged
	over                 // the server knows
)

// waitBehind is how long a settled delivery waits for those before it.
const waitBehind = 100 * time.Millisecond

func newAcks(ch *amqp.Channel, clock hub.Clock, prefetch int) *acks {
	a := &acks{ch: ch, clock: clock, most: prefetch / 2, first: 1, kick: make(chan struct{}, 1), end: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

// came notes the next delivery of the channel: their tags count up from 1.
func (a *acks) came() {
	a.mu.Lock()
	a.window = append(a.window, begun)
	a.mu.Unlock()
}

// ack acknowledges a delivery soon. On an error the channel is lost, and the message comes again.
func (a *acks) ack(tag uint64) { a.settle(tag, settled) }

// nack gives a delivery back to the queue, or, with requeue false, to its dead letter exchange. The server
// is told before an acknowledgement can include the delivery.
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
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// run tells the server, until close.
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

// flush tells of what is settled. wait is the time until those that are left behind must be told.
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

// collect takes what is to be told: all up to upTo, and the single ones.
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

// close returns when the server was told of all that is settled.
func (a *acks) close() {
	close(a.end)
	<-a.done
}
