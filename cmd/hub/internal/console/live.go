package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	keptFor  = 200 * time.Millisecond // that a page is shown again as it is: however many look at it, it is made five times a second at most
	mostOpen = 64                     // pages that are kept up to date at a time
)

// kept are the pages of the last moment, by their address.
type kept struct {
	mu    sync.Mutex
	pages map[string]*entry
	open  int // streams
}

type entry struct {
	mu   sync.Mutex
	at   time.Time
	page *sent
}

// get gives the page of an address: that of a moment ago, or one that is made now, by one of those who ask for it.
func (k *kept) get(address string, render func() *sent) *sent {
	k.mu.Lock()
	if k.pages == nil || len(k.pages) > mostOpen {
		k.pages = map[string]*entry{}
	}
	e := k.pages[address]
	if e == nil {
		e = &entry{}
		k.pages[address] = e
	}
	k.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.page == nil || time.Since(e.at) >= keptFor {
		e.page, e.at = render(), time.Now()
	}
	return e.page
}

// forget drops all pages: something was changed.
func (k *kept) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages = nil
}

// enter counts one stream more (1), or less (-1); false: there are too many.
func (k *kept) enter(by int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open+by > mostOpen {
		return false
	}
	k.open += by
	return true
}

// live is the stream of events (SSE) of the page ?at=: the page again, as a text in JSON, each time that it has changed.
func (c *Console) live(w http.ResponseWriter, r *http.Request) {
	at, err := url.Parse(r.URL.Query().Get("at"))
	if err != nil || at.Host != "" || at.Scheme != "" || c.looks[at.Path] == nil {
		http.Error(w, "at is no page of the console.", http.StatusBadRequest)
		return
	}
	if !c.kept.enter(1) {
		http.Error(w, fmt.Sprintf("%d pages are open already. Reload this one now and then.", mostOpen), http.StatusServiceUnavailable)
		return
	}
	defer c.kept.enter(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	last := ""
	tick := time.NewTicker(keptFor)
	defer tick.Stop()
	for {
		if now := string(c.current(at, r.Context()).body); now != last {
			last = now
			text, _ := json.Marshal(now) // of a text: never fails
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil {
				return
			}
			http.NewResponseController(w).Flush() // the next write tells of what fails
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
