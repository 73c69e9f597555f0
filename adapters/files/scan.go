package files

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"orderhub/hub"
)

// scan looks for files that are ready to be read.
type scan struct {
	*run
	own    *claims
	seen   map[string]sight
	rounds int
}

// sight is how a file looked, and since when.
type sight struct {
	info  fs.FileInfo
	since time.Time
}

// adoptEvery is how many rounds pass between two looks for files of hubs that died.
const adoptEvery = 10

// round reads all that is ready, and says after what time to look again.
func (s *scan) round() (time.Duration, error) {
	if err := s.sameFolder(); err != nil {
		return 0, err
	}
	if s.rounds%adoptEvery == 0 {
		if err := s.own.adopt(s.matches); err != nil {
			return 0, classify(err, s.dir)
		}
	}
	s.rounds++
	s.lookBack()
	next := s.cfg.Poll
	claimed, err := fs.ReadDir(s.root.FS(), s.own.dir)
	if err != nil {
		return 0, classify(err, s.dir)
	}
	for _, e := range claimed {
		if s.ctx.Err() == nil && !strings.HasPrefix(e.Name(), ".") {
			next = min(next, s.again(e.Name()))
		}
	}
	names, err := s.list()
	if err != nil {
		return 0, err
	}
	here := make(map[string]bool, len(names))
	for _, name := range names {
		here[name] = true
		if s.ctx.Err() == nil {
			next = min(next, s.visit(name))
		}
	}
	s.forget(here)
	return max(next, time.Millisecond), nil
}

// sameFolder fails when the folder was removed or replaced: the hub runs the source again, on the new one.
func (s *scan) sameFolder() error {
	opened, err := s.root.Stat(".")
	named, gone := os.Stat(s.dir)
	if err = cmp.Or(err, gone); err != nil {
		return classify(err, s.dir)
	}
	if !os.SameFile(opened, named) {
		return hub.Fail(hub.Unavailable, "file_system", "folder %s was replaced", s.dir)
	}
	return nil
}

// again reads a claimed file that no job has: left by a crash, or changed while it was read.
func (s *scan) again(name string) time.Duration {
	s.mu.Lock()
	busy, changed := s.inFlight[name] != nil, s.changed[name]
	s.mu.Unlock()
	at := path.Join(s.own.dir, name)
	if busy {
		return s.cfg.Poll
	}
	if changed {
		info, err := s.root.Lstat(at)
		if err != nil {
			return s.cfg.Poll
		}
		if wait := s.unstable(at, info); wait > 0 {
			return wait
		}
		delete(s.seen, at)
	}
	s.begin(name)
	return s.cfg.Poll
}

// visit claims and reads a file of the folder when it is stable.
func (s *scan) visit(name string) time.Duration {
	info, err := s.root.Lstat(name)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		s.tellOnce(name, err)
		return s.cfg.Poll
	}
	marker := s.cfg.marker(name)
	if !s.marked(marker) {
		return s.cfg.Poll
	}
	if wait := s.unstable(name, info); wait > 0 {
		return wait
	}
	switch err := s.own.claim(name, name); {
	case err == nil:
		delete(s.seen, name)
		if marker != "" {
			if err := s.root.Remove(marker); err != nil {
				s.tellOnce(marker, err)
			}
		}
		s.begin(name)
	case !errors.Is(err, fs.ErrExist): // else its namesake is still being read
		s.tellOnce(name, err)
	}
	return s.cfg.Poll
}

// unstable is how long a file must stay as it is now; 0: it is stable.
func (s *scan) unstable(name string, info fs.FileInfo) time.Duration {
	now := s.env.Clock.Now()
	was, ok := s.seen[name]
	if !ok || !unchanged(was.info, info) || !os.SameFile(was.info, info) {
		was = sight{info, now}
		s.seen[name] = was
	}
	wait := was.since.Add(s.cfg.Stable).Sub(now)
	if longer := was.since.Add(openedStable * s.cfg.Stable).Sub(now); wait <= 0 && longer > 0 && s.written(name) {
		wait = longer
	}
	return max(0, wait)
}

// begin reads a claimed file.
func (s *scan) begin(name string) {
	at := path.Join(s.own.dir, name)
	f, info, err := openRegular(s.root, at)
	if err != nil {
		s.tellOnce(at, err)
		return
	}
	j := &job{run: s.run, own: s.own, name: name, at: at, file: f, info: info}
	s.mu.Lock()
	before := s.grown[name]
	s.inFlight[name] = j
	delete(s.changed, name)
	delete(s.grown, name)
	s.mu.Unlock()
	if j.ids, err = contentIDs(s.ctx, name, f, info, before); err != nil {
		j.interrupted.Store(true)
		if s.ctx.Err() == nil {
			j.changed.Store(true) // became shorter, or can't be read now
		}
		j.pending.Store(1)
		j.release(1)
		return
	}
	j.read()
}

// forget drops what is known of names that are gone.
func (s *scan) forget(here map[string]bool) {
	gone := func(name string) bool { return !here[name] && !strings.Contains(name, "/") }
	maps.DeleteFunc(s.seen, func(name string, _ sight) bool { return gone(name) })
	maps.DeleteFunc(s.told, func(name string, _ bool) bool { return gone(name) })
}

// list gives the names in the folder that match, sorted.
func (r *run) list() ([]string, error) {
	if r.only != "" {
		_, err := r.root.Lstat(r.only)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{r.only}, classify(err, r.dir)
	}
	entries, err := fs.ReadDir(r.root.FS(), ".")
	if err != nil {
		return nil, classify(err, r.dir)
	}
	var names []string
	for _, e := range entries {
		if r.matches(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// matches tells whether a name of the folder is to be read.
func (r *run) matches(name string) bool {
	if r.only != "" {
		return name == r.only
	}
	if strings.HasPrefix(name, ".") || name == r.cfg.Done || name == r.cfg.Failed || name == r.cfg.Processing {
		return false
	}
	ok, _ := path.Match(r.pattern, name)
	return ok && !isUnfinished(name, r.pattern) && !r.cfg.isMarker(name)
}

// marked tells that a marker is there, or none is waited for.
func (r *run) marked(marker string) bool {
	if marker == "" {
		return true
	}
	_, err := r.root.Lstat(marker)
	return err == nil
}

// watch gives hints that files came into a folder, of a burst one. It may miss things, and where the system has no watches (left) it
// never hints: looking regularly is what finds files. end ends it.
func watch(dir string, log *slog.Logger) (hint <-chan struct{}, end func()) {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(dir); err != nil {
			w.Close()
		}
	}
	if err != nil {
		log.Debug("no hints about new files, the folder is only polled", "dir", dir, "error", err)
		return nil, func() {}
	}
	came := make(chan struct{}, 1)
	var passing sync.WaitGroup
	passing.Go(func() {
		for range w.Errors { // such as that events were lost
		}
	})
	passing.Go(func() {
		for e := range w.Events {
			if e.Has(fsnotify.Create) { // writes would wake us all the time, and our own moves too
				select {
				case came <- struct{}{}:
				default:
				}
			}
		}
	})
	return came, func() {
		w.Close()
		passing.Wait()
	}
}
