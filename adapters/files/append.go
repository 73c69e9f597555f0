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
	appendIdle  = time.Second // how long a file stays open that nothing is added to
	appendBatch = 1024        // records that share a write
)

// appending adds messages to the ends of files (append: true). Each file has a goroutine that writes what waits and makes it durable
// at once (group commit); it ends when nothing came for appendIdle. What is added, and how it survives a crash: see tail.
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
	name    string
	in      chan *addition
	waiting int // additions that are not answered, or about to come; under appending.mu
}

// addition is a record on its way into a file.
type addition struct {
	id   string     // of its message, without blanks and line ends
	body hub.Body   // in a format that has Append
	err  error      // it can't be written
	done chan error // gets one answer
}

func newAppending(dir string, clock hub.Clock) *appending {
	return &appending{dir: dir, clock: clock, stop: make(chan struct{}), files: map[string]*growing{}}
}

// add returns nil when the message is durable in the file, once.
func (a *appending) add(ctx context.Context, name string, m *hub.Message) error {
	r := &addition{id: url.PathEscape(m.ID), body: m.Body, done: make(chan error, 1)}
	if f := m.Body.Format(); f == nil || f.Append == nil {
		return hub.Fail(hub.Invalid, "no_append", "file %s: records of its format can't stand one behind another; write format: ndjson, or csv, fixed, text, at this send", shown(name))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g := a.enter(name)
	if g == nil {
		return hub.ErrClosed
	}
	g.in <- r
	return <-r.done
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
	g.waiting++
	return g
}

// forget ends a file that nobody waits for.
func (a *appending) forget(g *growing) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g.waiting > 0 {
		return false
	}
	delete(a.files, g.name)
	return true
}

// run writes what is added to one file, until nobody adds to it.
func (a *appending) run(g *growing) {
	t := &tail{name: g.name}
	defer t.close()
	for {
		idle := a.clock.Timer(appendIdle)
		select {
		case r := <-g.in:
			a.write(g, t, r)
		case <-idle.C():
			t.close() // before another may open it
			if a.forget(g) {
				return
			}
		case <-a.stop:
			for !a.forget(g) {
				a.write(g, t, <-g.in)
			}
			return
		}
		idle.Stop()
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

// write adds r, and what waits behind it, and answers.
func (a *appending) write(g *growing, t *tail, r *addition) {
	batch := g.batch(r)
	err := os.MkdirAll(a.dir, folderMode)
	root, bad := os.OpenRoot(a.dir)
	if err = cmp.Or(err, bad); err == nil {
		err = cmp.Or(t.add(root, batch), root.Close())
	}
	if err != nil {
		t.forget()
	}
	a.mu.Lock()
	g.waiting -= len(batch)
	a.mu.Unlock()
	for _, r := range batch {
		r.done <- cmp.Or(r.err, classify(err, a.dir))
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
