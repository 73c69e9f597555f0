package files

import (
	"cmp"
	"context"
	"os"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/escape"
)

const (
	appendIdle  = time.Second // how long a file stays open that nothing is added to
	appendBatch = 1024        // records that share a write
)

// appending adds messages to the ends of files (append: true). Each file has a goroutine that writes what waits at once and makes it
// durable with one fsync (group commit); it ends when nothing came for appendIdle. What is added, and how it survives a crash: see tail.
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
	name  string
	in    chan *addition
	users int // senders that wait, or are about to; under appending.mu
}

// addition is a record on its way into a file.
type addition struct {
	id     string
	format *hub.Format
	value  doc.Value
	line   []byte     // value, behind others
	done   chan error // gets one answer
}

func newAppending(dir string, clock hub.Clock) *appending {
	return &appending{dir: dir, clock: clock, stop: make(chan struct{}), files: map[string]*growing{}}
}

// add returns nil when the message is durable in the file, once.
func (a *appending) add(ctx context.Context, name string, m *hub.Message) error {
	r := &addition{id: escape.Segment(m.ID), format: m.Body.Format(), done: make(chan error, 1)}
	if r.format == nil || r.format.Append == nil {
		return hub.Fail(hub.Invalid, "no_append", "file %s: records of its format can't stand one behind another; write format: ndjson, or csv, fixed, text, at this send", shown(name))
	}
	var err error
	if r.value, err = m.Body.Doc(); err == nil {
		r.line, err = r.format.Append(r.value, false)
	}
	if err != nil {
		return err
	}
	g := a.enter(name)
	if g == nil {
		return hub.ErrClosed
	}
	defer a.leave(g)
	select {
	case g.in <- r:
	case <-a.stop:
		return hub.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done(): // it may be added all the same; the next try finds it there
		return ctx.Err()
	}
}

// enter finds the file, or begins one; nil: the adapter is closed.
func (a *appending) enter(name string) *growing {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	g := a.files[name]
	if g == nil {
		g = &growing{name: name, in: make(chan *addition, appendBatch)}
		a.files[name] = g
		a.ended.Go(func() { a.run(g) })
	}
	g.users++
	return g
}

func (a *appending) leave(g *growing) {
	a.mu.Lock()
	g.users--
	a.mu.Unlock()
}

// forget ends a file that nobody uses.
func (a *appending) forget(g *growing) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g.users > 0 {
		return false
	}
	delete(a.files, g.name)
	return true
}

// run writes what is added to one file. Senders that left (their context ended) are answered too: done has room.
func (a *appending) run(g *growing) {
	t := &tail{name: g.name}
	defer t.close()
	for {
		idle := a.clock.Timer(appendIdle)
		select {
		case r := <-g.in:
			idle.Stop()
			a.write(t, g.batch(r))
		case <-idle.C():
			if a.forget(g) {
				return
			}
		case <-a.stop:
			idle.Stop()
			for len(g.in) > 0 { // their senders wait
				a.write(t, g.batch(<-g.in))
			}
			return
		}
	}
}

// batch is r and what waits behind it.
func (g *growing) batch(r *addition) []*addition {
	all := []*addition{r}
	for len(all) < appendBatch {
		select {
		case r := <-g.in:
			all = append(all, r)
		default:
			return all
		}
	}
	return all
}

func (a *appending) write(t *tail, batch []*addition) {
	root, err := os.OpenRoot(a.dir)
	if err == nil {
		err = cmp.Or(t.add(root, batch), root.Close())
	}
	if err != nil {
		t.close() // what it holds may not be what is on disk
	}
	for _, r := range batch {
		if len(r.done) == 0 {
			r.done <- classify(err, a.dir)
		}
	}
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
