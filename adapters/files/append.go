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

const appendIdle = time.Second // how long a file stays open that nothing is added to

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
	wake chan struct{} // there is a batch
	next *addition     // the batch that gathers; nil: nothing waits. Under appending.mu, as is
	last int           // how many records the batch before had
}

// addition is a batch of records on its way into a file. Its senders wait until it is done.
type addition struct {
	records []record
	err     error // none of them is known to be in the file; set before done is closed
	done    chan struct{}
}

// record is a message on its way into a file.
type record struct {
	id   string   // of the message, without blanks and line ends
	body hub.Body // in a format that has Append
	raw  []byte   // body, to stand behind another record
	err  error    // it can't be written; set before its batch is done
}

func newAppending(dir string, clock hub.Clock) *appending {
	return &appending{dir: dir, clock: clock, stop: make(chan struct{}), files: map[string]*growing{}}
}

// add returns nil when the message is durable in the file, once.
func (a *appending) add(ctx context.Context, name string, m *hub.Message) error {
	f := m.Body.Format()
	if f == nil || f.Append == nil {
		return hub.Fail(hub.Invalid, "no_append", "file %s: records of its format can't stand one behind another; write format: ndjson, or csv, fixed, text, at this send", shown(name))
	}
	raw, err := f.Append(m.Body, false) // here, where many work side by side
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	batch, i := a.join(name, record{id: url.PathEscape(m.ID), body: m.Body, raw: raw})
	if batch == nil {
		return hub.ErrClosed
	}
	<-batch.done
	return cmp.Or(batch.records[i].err, batch.err)
}

// join puts a record into the batch that is written next to a file, and gives its place there; nil: the adapter is closed.
func (a *appending) join(name string, r record) (*addition, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, 0
	}
	g := a.files[name]
	if g == nil {
		g = &growing{tail: tail{name: name}, wake: make(chan struct{}, 1)}
		a.files[name] = g
		a.ended.Go(func() { a.run(g) })
	}
	if g.next == nil {
		g.next = &addition{records: make([]record, 0, g.last+g.last/4+1), done: make(chan struct{})}
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	g.next.records = append(g.next.records, r)
	return g.next, len(g.next.records) - 1
}

// take takes the batch that has gathered. nil: there is none, and the file is closed and forgotten.
func (a *appending) take(g *growing) *addition {
	a.mu.Lock()
	defer a.mu.Unlock()
	batch := g.next
	if batch == nil {
		g.close() // before another may open it
		delete(a.files, g.name)
		return nil
	}
	g.next, g.last = nil, len(batch.records)
	return batch
}

// run writes what is added to one file, until nobody adds to it.
func (a *appending) run(g *growing) {
	for {
		idle := a.clock.Timer(appendIdle)
		select {
		case <-g.wake:
		case <-idle.C():
		case <-a.stop:
		}
		idle.Stop()
		batch := a.take(g)
		if batch == nil {
			return
		}
		batch.err = classify(a.write(g, batch.records), a.dir)
		close(batch.done)
	}
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
