package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of attempts to log in.
const (
	eachBurst = 5 // of one address, then one more
	eachEvery = 12 * time.Second
	allBurst  = 60 // of all addresses, then one more
	allEvery  = time.Second
	mostEach  = 10_000 // addresses that are counted; then the counting of each begins anew
)

// limit bounds attempts to log in, of each address and of all together. Who is logged in already meets no bound.
type limit struct {
	mu   sync.Mutex
	all  *rate.Limiter
	each map[netip.Addr]*rate.Limiter
}

// take takes one attempt; false: there were too many.
func (l *limit) take(from netip.Addr) bool {
	if from.Is6() { // one customer of a provider has a network of 64 bits
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = rate.NewLimiter(rate.Every(allEvery), allBurst)
	}
	if len(l.each) >= mostEach || l.each == nil {
		l.each = map[netip.Addr]*rate.Limiter{}
	}
	own := l.each[from]
	if own == nil {
		own = rate.NewLimiter(rate.Every(eachEvery), eachBurst)
		l.each[from] = own
	}
	return own.Allow() && l.all.Allow()
}
