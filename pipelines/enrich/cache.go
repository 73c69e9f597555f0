package enrich

import (
	"sync"
	"time"

	"orderhub/hub/doc"
)

// cacheSize bounds the answers kept; a full cache starts anew.
const cacheSize = 10_000

// cache keeps answers for a while, in memory: what is gone is asked again.
type cache struct {
	keep time.Duration
	mu   sync.Mutex
	have map[string]entry
}

type entry struct {
	value doc.Value
	until time.Time
}

func newCache(keep time.Duration) *cache { return &cache{keep: keep, have: map[string]entry{}} }

func (c *cache) get(key string, now time.Time) (doc.Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.have[key]
	if !ok || !now.Before(e.until) {
		return doc.Value{}, false
	}
	return e.value, true
}

func (c *cache) put(key string, v doc.Value, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.have) >= cacheSize {
		clear(c.have)
	}
	c.have[key] = entry{v, now.Add(c.keep)}
}
