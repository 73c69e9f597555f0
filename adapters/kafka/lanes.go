package kafka

import (
	"context"
	"sync"
	"time"

	"orderhub/hub"
)

// job is a record on its way through the handler.
type job struct {
	part   *partition
	number uint64 // in the partition's tracker
	offset int64
	msg    hub.Message
	reply  *address     // where a reply goes to; nil: nobody waits for one
	fault  *hub.Error   // why there is no message
	answer *hub.Message // the reply, while it can't be sent
	told   bool         // the reply says that there is none; or the hub was told of the fault
	tries  int
	since  time.Time // of the first try that failed
	next   *job      // the next record of the key
}

// mostBehind is how many records may wait behind others of their keys.
const mostBehind = 1 << 13

// lanes hand records to the handler: those of one key one after another, others in parallel, as many at once as there are workers. A record
// that runs long, or waits for its next try, holds back its own key only: what waits behind it takes no room of the others.
type lanes struct {
	run     *run
	work    context.Context // what handlers get
	giveUp  context.CancelFunc
	window  chan struct{} // one entry for each record that is ready or in the handler
	behind  chan struct{} // one entry for each that waits behind another of its key
	ready   chan *job     // never full: as large as the window
	stopped chan struct{}
	busy    sync.WaitGroup

	mu   sync.Mutex
	keys map[string]*lane
}

// lane is a key with a record in the handler, and those that wait behind it.
type lane struct{ head, tail *job }

func newLanes(r *run) *lanes {
	n := r.cfg.Workers
	l := &lanes{run: r, window: make(chan struct{}, 2*n), behind: make(chan struct{}, mostBehind), ready: make(chan *job, 2*n),
		stopped: make(chan struct{}), keys: map[string]*lane{}}
	l.work, l.giveUp = context.WithCancel(context.WithoutCancel(r.ctx))
	for range n {
		l.busy.Go(l.worker)
	}
	return l
}

// put takes a record; it waits while there is no room. false: ctx is done, and it was not taken.
func (l *lanes) put(ctx context.Context, j *job) bool {
	for enter(ctx, l.window) {
		if j.msg.Key == "" || l.begin(j) {
			l.ready <- j
			return true
		}
		<-l.window
		if !enter(ctx, l.behind) {
			return false
		}
		if l.line(j) {
			return true
		}
		<-l.behind // the key has become free
	}
	return false
}

func enter(ctx context.Context, room chan<- struct{}) bool {
	select {
	case room <- struct{}{}:
		return true
	default:
	}
	select {
	case room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin makes j the record of its key that is under way, unless there is one.
func (l *lanes) begin(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[j.msg.Key] != nil {
		return false
	}
	l.keys[j.msg.Key] = &lane{}
	return true
}

// line puts j behind the record of its key that is under way, if there is one.
func (l *lanes) line(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[j.msg.Key]
	switch {
	case k == nil:
		return false
	case k.tail == nil:
		k.head = j
	default:
		k.tail.next = j
	}
	k.tail = j
	return true
}

// after is the next record of the key, nil: the key is free.
func (l *lanes) after(key string) *job {
	if key == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[key]
	j := k.head
	if j == nil {
		delete(l.keys, key)
		return nil
	}
	if k.head = j.next; k.head == nil {
		k.tail = nil
	}
	j.next = nil
	return j
}

func (l *lanes) stopping() bool {
	select {
	case <-l.stopped:
		return true
	default:
		return false
	}
}

func (l *lanes) worker() {
	for !l.stopping() {
		select {
		case <-l.stopped:
		case j := <-l.ready:
			for j != nil && !l.stopping() {
				j = l.settle(j)
			}
		}
	}
}

// settle hands j over and gives the record to go on with: the next of its key, which takes over its room in the window.
func (l *lanes) settle(j *job) *job {
	if again, pause := l.handle(j); again {
		l.later(j, pause)
		return nil
	}
	j.part.finish(j)
	next := l.after(j.msg.Key)
	if next == nil {
		<-l.window
	} else {
		<-l.behind
	}
	return next
}

// retry is the pause before a record is tried again.
var retry = hub.Retry{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// later makes j ready again after a pause.
func (l *lanes) later(j *job, pause time.Duration) {
	j.tries++
	t := l.run.env.Clock.Timer(max(pause, retry.Delay(j.tries)))
	l.busy.Go(func() {
		defer t.Stop()
		select {
		case <-t.C():
			l.ready <- j
		case <-l.stopped:
		}
	})
}

// stop begins no more records; idle is closed when those under way have ended. What was not begun is fetched again by whoever has the partition next.
func (l *lanes) stop() (idle <-chan struct{}) {
	close(l.stopped)
	done := make(chan struct{})
	go func() {
		l.busy.Wait()
		close(done)
	}()
	return done
}
