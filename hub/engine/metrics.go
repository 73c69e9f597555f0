package engine

import (
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Metrics counts what the stages did since the start.
type Metrics struct {
	stages atomic.Pointer[map[string]*StageCount] // never changed, only replaced: every message reads it
	mu     sync.Mutex                             // of who replaces it
}

// StageCount are the counts of one stage.
type StageCount struct {
	Done, Failed atomic.Int64
	queue        atomic.Pointer[Use] // of the stage's queue, since a message of it waits for what no part is to blame for; nil: none did
}

func (m *Metrics) of(stage string) *StageCount {
	if c := m.get(stage); c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.get(stage); c != nil {
		return c
	}
	more := m.Counts()
	if more == nil {
		more = map[string]*StageCount{}
	}
	c := &StageCount{}
	more[stage] = c
	m.stages.Store(&more)
	return c
}

func (m *Metrics) get(stage string) *StageCount {
	if p := m.stages.Load(); p != nil {
		return (*p)[stage]
	}
	return nil
}

func (m *Metrics) done(stage string) {
	c := m.of(stage)
	c.Done.Add(1)
	if u := c.queue.Load(); u != nil {
		u.Works()
	}
}

func (m *Metrics) failed(stage string) { m.of(stage).Failed.Add(1) }

// Counts is a snapshot by stage.
func (m *Metrics) Counts() map[string]*StageCount {
	if p := m.stages.Load(); p != nil {
		return maps.Clone(*p)
	}
	return nil
}

const (
	deadAgain  = time.Minute // between two lines about one cause
	deadCauses = 1000        // that have lines of their own; what is new past it shares one
)

// deadLog tells the log of dead letters: of the first of a cause at once, and of
// how many more there were once a minute. Which they are the store says.
type deadLog struct {
	mu     sync.Mutex
	causes map[deadCause]*deadCount
}

// deadCause is what dead letters have in common that are told of together.
type deadCause struct{ stage, group string }

type deadCount struct {
	told time.Time
	more int // since then
}

// first counts a dead letter and tells whether it is the first of its cause.
func (l *deadLog) first(c deadCause, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes == nil {
		l.causes = map[deadCause]*deadCount{}
	}
	if l.causes[c] == nil && len(l.causes) >= deadCauses {
		c = deadCause{stage: "others"}
	}
	if n := l.causes[c]; n != nil {
		n.more++
		return false
	}
	l.causes[c] = &deadCount{told: now}
	return true
}

// tell says how many more there were of each cause that was told of a minute ago;
// all: however long ago. What had no more is forgotten.
func (l *deadLog) tell(log *slog.Logger, now time.Time, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, n := range l.causes {
		switch {
		case !all && now.Sub(n.told) < deadAgain:
		case n.more == 0:
			delete(l.causes, c)
		default:
			log.Warn("more dead letters", "stage", c.stage, "group", c.group, "count", n.more)
			n.told, n.more = now, 0
		}
	}
}
