package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"orderhub/hub"
)

// Source reads the files of a folder. Its messages keep their IDs when a file is read again, as after a crash.
type Source struct {
	cfg     Config
	env     *hub.Env
	format  *hub.Format // nil: what the name of each file says
	whole   bool        // also where the format has records
	dir     string
	pattern string
	only    string // the one file of `path:`; "" reads all that match
}

var _ hub.Source = (*Source)(nil)

// Describe tells the format of the files.
func (s *Source) Describe(d hub.Description) { s.format = d.Format }

// run is one Run of a source.
type run struct {
	*Source
	ctx     context.Context // its end stops reading and retrying
	work    context.Context // what handlers get: their work is not cut short
	stop    context.CancelFunc
	handler hub.Handler
	root    *os.Root
	pool    *pool

	mu       sync.Mutex
	err      error             // of a move or a read: Run ends with it
	inFlight map[string]*job   // by names in our processing folder: who reads them
	changed  map[string]bool   // names there that changed while they were read
	grown    map[string][]kept // the IDs that the records of such a file keep
	settled  []settled         // what was moved away lately, the oldest first
	told     map[string]bool   // names that a log line was written about
}

// Run reads files until ctx is done or, with once, until all that were there are read. A file is moved to done or failed when all its
// records are settled; one that is not finished stays in processing and is read again, from its start, by the next Run.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	if s.only == "" {
		if err := os.MkdirAll(s.dir, folderMode); err != nil {
			return classify(err, s.dir)
		}
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return classify(err, s.dir)
	}
	defer root.Close()
	r := &run{Source: s, work: context.WithoutCancel(ctx), handler: h, root: root,
		inFlight: map[string]*job{}, changed: map[string]bool{}, grown: map[string][]kept{}, told: map[string]bool{}}
	r.ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	if s.cfg.Once {
		err = r.once()
	} else {
		err = r.follow()
	}
	if r.err != nil {
		return r.err
	}
	return err
}

// once reads what is there, and leaves it there.
func (r *run) once() error {
	names, err := r.list()
	if err != nil {
		return err
	}
	r.pool = newPool(r)
	defer r.pool.close()
	if r.only != "" && len(names) == 0 {
		return hub.Fail(hub.Unavailable, "no_file", "%s is not there", r.cfg.Path)
	}
	for _, name := range names {
		if r.ctx.Err() != nil {
			return nil
		}
		if !r.marked(r.cfg.marker(name)) {
			continue
		}
		f, info, err := openRegular(r.root, name)
		if err == nil {
			if err = regular(info); err != nil {
				f.Close()
			}
		}
		if err != nil {
			r.tellOnce(name, err)
			continue
		}
		j := &job{run: r, name: name, file: f, info: info, ids: ids{base: timeID(name, info)}}
		j.read()
	}
	return nil
}

// follow reads what comes, until ctx is done.
func (r *run) follow() error {
	own, err := openClaims(r.root, r.cfg.Processing, r.env.Clock.Now())
	if err != nil {
		return classify(err, r.dir)
	}
	defer own.close()
	for _, sub := range []string{r.cfg.Done, r.cfg.Failed} {
		if err := r.root.MkdirAll(sub, folderMode); err != nil {
			return classify(err, r.dir)
		}
	}
	r.pool = newPool(r)
	defer r.pool.close()
	defer r.stop() // first: nothing is tried again
	hint, end := watch(r.dir, r.env.Log)
	defer end()
	look := &scan{run: r, own: own, seen: map[string]sight{}}
	for r.ctx.Err() == nil {
		next, err := look.round()
		if err != nil {
			return err
		}
		hub.Reads(r.handler, nil)
		t := r.env.Clock.Timer(next)
		select {
		case <-r.ctx.Done():
		case <-t.C():
		case <-hint:
		}
		t.Stop()
	}
	return nil
}

// fail ends Run with err, the first one.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.stop()
}

// tellOnce logs why a name is passed over, once for as long as the name is there.
func (r *run) tellOnce(name string, err error) {
	if errors.Is(err, os.ErrNotExist) || r.told[name] {
		return
	}
	r.told[name] = true
	event := "unreadable"
	if errors.Is(err, errNotRegular) {
		event = "not_regular_file"
	}
	r.env.Log.Warn("file skipped", "event", event, "file", name, "error", err)
}

// input reads a file as far as it reached when it was opened, so that what is read is what its hash was taken of.
type input struct {
	io.LimitedReader
	err error // not io.EOF
}

func newInput(f *os.File, info fs.FileInfo) *input {
	return &input{LimitedReader: io.LimitedReader{R: f, N: info.Size()}}
}

func (in *input) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	n, err := in.LimitedReader.Read(p)
	if err == io.EOF && in.N > 0 {
		err = io.ErrUnexpectedEOF // it became shorter
	}
	if err != io.EOF {
		in.err = err
	}
	return n, err
}

// Len is how much is left.
func (in *input) Len() int { return int(in.N) }
