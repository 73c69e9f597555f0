package hub

import (
	"context"
	"time"
)

// StageStatus is what `hub status` tells of a stage.
type StageStatus struct {
	Name    string `json:"name"`
	Queue   string `json:"queue"`
	Running int    `json:"running"`
	Done    int64  `json:"done"`
	Failed  int64  `json:"failed"`
	Paused  bool   `json:"paused"`
	Source  string `json:"source,omitempty"` // "", "degraded", "ended"
	Error   string `json:"error,omitempty"`
}

// Status is the state of every stage, in the order they were added.
func (rt *Runtime) Status() []StageStatus {
	var out []StageStatus
	for _, d := range rt.order {
		c := rt.Counts.of(d.stage.Name)
		d.mu.Lock()
		s := StageStatus{Name: d.stage.Name, Queue: d.stage.Queue, Running: d.running, Paused: d.paused, Done: c.Done.Load(), Failed: c.Failed.Load()}
		d.mu.Unlock()
		for _, f := range rt.sources {
			if f.stage == d.stage {
				f.mu.Lock()
				if f.ended {
					s.Source = "ended"
				} else if s.Error = f.use.trouble(); s.Error != "" {
					s.Source = "degraded"
				}
				s.Paused = s.Paused || f.asked
				f.mu.Unlock()
			}
		}
		out = append(out, s)
	}
	return out
}

// Pause stops the stages whose names are given, with their sources: what is
// running ends, what waits stays in the store, nothing is dropped. on=false resumes.
func (rt *Runtime) Pause(names map[string]bool, on bool) {
	for _, f := range rt.sources {
		if names[f.stage.Name] {
			f.setPaused(on)
		}
	}
	for _, d := range rt.order {
		if names[d.stage.Name] {
			d.setPaused(on)
		}
	}
}

// Inject hands a message to a stage as if it came from its source.
func (rt *Runtime) Inject(ctx context.Context, stage string, m *Message) (*Message, error) {
	for _, d := range rt.order {
		if d.stage.Name == stage {
			return (&Entry{rt: rt, stage: d.stage, work: ctx}).Call(ctx, m)
		}
	}
	return nil, ErrNotFound
}

// Janitor deletes expired records and old history in small portions until ctx ends.
func (rt *Runtime) Janitor(ctx context.Context, keep time.Duration) {
	for {
		pause := time.Minute
		if n, err := rt.store.Sweep(ctx, keep, 500); err != nil && ctx.Err() == nil {
			rt.log.Warn("sweep", "error", err)
		} else if n == 500 {
			pause = 100 * time.Millisecond
		}
		t := rt.clock.Timer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C():
		}
	}
}
