package files

import (
	"log/slog"

	"github.com/fsnotify/fsnotify"
)

// hints tells that something happened in a folder. It may miss things: looking regularly is what finds files.
type hints struct {
	events  chan struct{} // one slot
	watcher *fsnotify.Watcher
	ended   chan struct{}
}

// watch begins; where the system has no watches (left), it never hints.
func watch(dir string, log *slog.Logger) *hints {
	h := &hints{events: make(chan struct{}, 1), ended: make(chan struct{})}
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(dir); err != nil {
			w.Close()
		}
	}
	if err != nil {
		log.Debug("no hints about new files, the folder is only polled", "dir", dir, "error", err)
		close(h.ended)
		return h
	}
	h.watcher = w
	go h.pass()
	return h
}

// pass lets events through, of a burst one.
func (h *hints) pass() {
	defer close(h.ended)
	for {
		select {
		case e, ok := <-h.watcher.Events:
			if !ok {
				return
			}
			if !e.Has(fsnotify.Create) { // writes would wake us all the time, and our own moves too
				continue
			}
			select {
			case h.events <- struct{}{}:
			default:
			}
		case _, ok := <-h.watcher.Errors:
			if !ok {
				return
			}
		}
	}
}

func (h *hints) close() {
	if h.watcher != nil {
		h.watcher.Close()
	}
	<-h.ended
}
