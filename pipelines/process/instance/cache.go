package instance

import "sync"

// Cache keeps the instances that were changed last, as they were committed, so that the next step of an order does not read
// what the one before wrote. Nothing depends on it: the store's version check decides whether one is still true.
type Cache struct {
	mu         sync.Mutex
	young, old map[string]*Instance
}

// cached bounds each of the two generations.
const cached = 2048

// NewCache is an empty cache.
func NewCache() *Cache { return &Cache{young: map[string]*Instance{}} }

// Get gives a copy of the instance to be changed; nil: it is not known.
func (c *Cache) Get(id string) *Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[string]*Instance{c.young, c.old} {
		if in := generation[id]; in != nil {
			return in.Clone()
		}
	}
	return nil
}

// Put keeps what was committed; in is not changed any more.
func (c *Cache) Put(in *Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.old, in.ID)
	if c.young[in.ID] = in; len(c.young) >= cached {
		c.young, c.old = map[string]*Instance{}, c.young
	}
}

// Drop forgets the instance: the store knows better.
func (c *Cache) Drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, id)
	delete(c.old, id)
}
