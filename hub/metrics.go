package hub

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Metrics counts what the stages did since the start.
type Metrics struct {
	mu     sync.RWMutex
	stages map[string]*StageCount
}

// StageCount are the counts of one stage.
type StageCount struct{ Done, Failed atomic.Int64 }

func (m *Metrics) of(stage string) *StageCount {
	m.mu.RLock()
	c := m.stages[stage]
	m.mu.RUnlock()
	if c == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if c = m.stages[stage]; c == nil {
			c = &StageCount{}
			if m.stages == nil {
				m.stages = map[string]*StageCount{}
			}
			m.stages[stage] = c
		}
	}
	return c
}

func (m *Metrics) done(stage string)   { m.of(stage).Done.Add(1) }
func (m *Metrics) failed(stage string) { m.of(stage).Failed.Add(1) }

// Counts is a snapshot by stage.
func (m *Metrics) Counts() map[string]*StageCount {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return maps.Clone(m.stages)
}
