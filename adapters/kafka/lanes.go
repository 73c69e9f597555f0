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
	msg    *hub.Message
	tries  int
	next   *job // the next record of the key
}

// lanes hand records to the handler: those of one key one after another, others in parallel, as many at once as there are workers.
// A record that waits for its next try holds back its own key only.
type lanes struct {
	run     *run
	work    context.Context // what handlers get
	giveUp  context.CancelFunc
	window  chan struct{} // one entry for each record that was taken and is not finished
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
	l := &lanes{run: r, window: make(chan struct{}, 2*n), ready: make(chan *job, 2*n), stopped: make(chan struct{}), keys: map[string]*lane{}}
	l.work, l.giveUp = context.WithCancel(context.WithoutCancel(r.ctx))
	for range n {
		l.busy.Go(l.worker)
	}
	return l
}

// put takes a record; it waits while the window is full. false: ctx is done, and it was not taken.
func (l *lanes) put(ctx context.Context, j *job) bool {
	select {
	case l.window <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if j.msg.Key != "" && l.behind(j) {
		return true
	}
	l.ready <- j
	return true
}

// behind puts j behind the record of its key that is under way, if there is one.
func (l *lanes) behind(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[j.msg.Key]
	switch {
	case k == nil:
		l.keys[j.msg.Key] = &lane{}
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

// settle hands j over and gives the record to go on with.
func (l *lanes) settle(j *job) *job {
	err := l.run.handler.Handle(l.work, j.msg)
	if err != nil && !l.run.refused(j, err) {
		l.later(j, hub.AsError(err).After)
		return nil
	}
	j.part.finish(j)
	<-l.window
	return l.after(j.msg.Key)
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
