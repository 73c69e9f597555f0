package files

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"sync"
	"time"

	"orderhub/hub"
)

const (
	appendIdle = time.Second // how long a file stays open that nothing is added to

	// A batch of manyRecords says that a stream of them comes: then the next one gathers for gatherTime, or until it has fullBatch, so that
	// a flush serves many. Who adds one record after another waits for no other.
	manyRecords = 128
	gatherTime  = 4 * time.Millisecond
	fullBatch   = 1024
)

// appending adds messages to the ends of files (append: true). Each file has a goroutine that writes the batch that has gathered meanwhile and makes
// it durable at once (group commit); it ends when nothing came for appendIdle. What is added, and how it survives a crash: see tail.
type appending struct {
	dir   string
	clock hub.Clock
	stop  chan struct{} // closed by close
	ended sync.WaitGroup

	mu     sync.Mutex
	closed bool
	files  map[string]*growing // by name
}

// growing is a file that records are added to.
type growing struct {
	tail
	wake hub.Signal // there is a batch, or it is full
	next []record   // the batch that gathers; under appending.mu
	room []record   // of a batch that is done, for another
}

// record is a message on its way into a file.
type record struct {
	id   string   // of the message, without blanks and line ends
	body hub.Body // in a format that has Append
	raw  []byte   // body, to stand behind another record
	err  error    // it can't be written
	done func(error)
}

func newAppending(dir string, clock hub.Clock) *appending {
	return &appending{dir: dir, clock: clock, stop: make(chan struct{}), files: map[string]*growing{}}
}

// appender is the target of an adapter with append: true.
type appender struct {
	naming naming
	to     *appending
}

var _ hub.Later = (*appender)(nil)

// SendLater adds m to the end of its file. It is durable there, once, when done is called with nil.
func (t *appender) SendLater(ctx context.Context, m *hub.Message, done func(error)) {
	name, err := t.naming.of(m)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = t.to.add(name, m, done)
	}
	if err != nil {
		done(err)
	}
}

// Send is SendLater for who waits.
func (t *appender) Send(ctx context.Context, m *hub.Message) error {
	done := make(chan error, 1)
	t.SendLater(ctx, m, func(err error) { done <- err })
	return <-done
}

// Close waits for what is being added.
func (t *appender) Close() error {
	t.to.close()
	return nil
}

// add puts m into the batch that is written next to a file, and done is called when it is written; on an error it is not.
func (a *appending) add(name string, m *hub.Message, done func(error)) error {
	f := m.Body.Format()
	if f == nil || f.Append == nil {
		return hub.Fail(hub.Invalid, "no_append", "file %s: records of its format can't stand one behind another; write format: ndjson, or csv, fixed, text, at this send", shown(name))
	}
	raw, err := f.Append(m.Body, false) // here, where many work side by side
	if err != nil {
		return err
	}
	r := record{id: url.PathEscape(m.ID), body: m.Body, raw: raw, done: done}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return hub.ErrClosed
	}
	g := a.files[name]
	if g == nil {
		g = &growing{tail: tail{name: name}, wake: hub.NewSignal()}
		a.files[name] = g
		a.ended.Go(func() { a.run(g) })
	}
	if g.next == nil {
		g.next, g.room = g.room, nil
	}
	g.next = append(g.next, r)
	if n := len(g.next); n == 1 || n == fullBatch {
		g.wake.Give()
	}
	return nil
}

// gathered is how many records the batch that gathers has.
func (a *appending) gathered(g *growing) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(g.next)
}

// take takes the batch that has gathered. nil: there is none, and the file is closed and forgotten.
func (a *appending) take(g *growing) []record {
	a.mu.Lock()
	defer a.mu.Unlock()
	batch := g.next
	if batch == nil {
		g.close() // before another may open it
		delete(a.files, g.name)
	}
	g.next = nil
	select {
	case <-g.wake: // it told of what is taken
	default:
	}
	return batch
}

// run writes what is added to one file, until nobody adds to it.
func (a *appending) run(g *growing) {
	last := 0
	for {
		a.wait(g, appendIdle)
		if last >= manyRecords && a.gathered(g) < fullBatch {
			a.wait(g, gatherTime)
		}
		batch := a.take(g)
		if batch == nil {
			return
		}
		last = len(batch)
		err := classify(a.write(g, batch), a.dir)
		a.ended.Go(func() { a.tell(g, batch, err) }) // while the next batch is written
	}
}

// wait waits until the file's goroutine is woken or stopped, for d at most.
func (a *appending) wait(g *growing, d time.Duration) {
	timer := a.clock.Timer(d)
	defer timer.Stop()
	select {
	case <-g.wake:
	case <-timer.C():
	case <-a.stop:
	}
}

// tell tells the senders of a batch what became of it.
func (a *appending) tell(g *growing, batch []record, err error) {
	for i := range batch {
		batch[i].done(cmp.Or(batch[i].err, err))
	}
	clear(batch)
	a.mu.Lock()
	defer a.mu.Unlock()
	g.room = batch[:0]
}

func (a *appending) write(g *growing, batch []record) error {
	err := os.MkdirAll(a.dir, folderMode)
	root, bad := os.OpenRoot(a.dir)
	if err = cmp.Or(err, bad); err == nil {
		err = cmp.Or(g.add(root, batch), root.Close())
	}
	if err != nil {
		g.forget()
	}
	return err
}

// close ends all files; what waits is written before. It may be called again.
func (a *appending) close() {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.stop)
	}
	a.mu.Unlock()
	a.ended.Wait()
}
