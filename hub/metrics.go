package hub

import (
	"maps"
	"sync"
	"sync/atomic"
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
