package hub

import (
	"sync"
	"time"
)

const (
	repeatAgain  = time.Minute // between two lines about one cause
	repeatCauses = 1000        // that have lines of their own; what is new past it shares that of the zero K
)

// Repeats keep the log short where one cause has many effects: of the first effect the log tells at once, and of
// how many more there were at most once a minute. The zero Repeats are ready for use.
type Repeats[K comparable] struct {
	mu     sync.Mutex
	causes map[K]*repeat
}

type repeat struct {
	told time.Time
	more int // since then
}

// First counts an effect and tells whether it is the first of its cause.
func (l *Repeats[K]) First(cause K, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes == nil {
		l.causes = map[K]*repeat{}
	}
	if l.causes[cause] == nil && len(l.causes) >= repeatCauses {
		cause = *new(K)
	}
	if n := l.causes[cause]; n != nil {
		n.more++
		return false
	}
	l.causes[cause] = &repeat{told: now}
	return true
}

// More tells how many more effects there were of each cause that was told of a minute ago; all: however long ago.
// What had no more is forgotten.
func (l *Repeats[K]) More(now time.Time, all bool, tell func(cause K, more int)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for cause, n := range l.causes {
		switch {
		case !all && now.Sub(n.told) < repeatAgain:
		case n.more == 0:
			delete(l.causes, cause)
		default:
			tell(cause, n.more)
			n.told, n.more = now, 0
		}
	}
}
