package engine

import (
	"cmp"
	"strings"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// StageCount counts what one stage does.
type StageCount struct {
	figures  *figures.Set
	pipeline string
	stage    string
	done     *figures.Series
	took     *figures.Series
	queue    atomic.Pointer[Use] // of the stage's queue, since a message of it waits for what no part is to blame for; nil: none did
}

// Stage is the count of a stage; it is the same in all configurations that have a stage of the name.
func (h *Health) Stage(name string) *StageCount {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.stages[name]
	if c == nil {
		c = &StageCount{figures: h.Figures, pipeline: PipelineOf(name), stage: name}
		c.done = h.Figures.Series(figures.Messages, c.pipeline, name, figures.Done)
		c.took = h.Figures.Series(figures.StageDuration, c.pipeline, name)
		h.stages[name] = c
	}
	return c
}

// PipelineOf is the pipeline that a stage belongs to: web-orders#1 -> web-orders.
func PipelineOf(stage string) string {
	name, _, _ := strings.Cut(stage, "#")
	for _, part := range []string{" timer", " clock"} {
		name, _, _ = strings.Cut(name, part)
	}
	return name
}

// worked counts a message that took so long.
func (c *StageCount) worked(took time.Duration) {
	c.done.Add(1)
	c.took.Observe(int64(took))
	if u := c.queue.Load(); u != nil {
		u.Works()
	}
}

// failed counts a message that failed after so long.
func (c *StageCount) failed(e *hub.Error, took time.Duration) {
	c.figures.Series(figures.Messages, c.pipeline, c.stage, string(e.Class)).Add(1)
	c.took.Observe(int64(took))
}

// buried counts a dead letter.
func (c *StageCount) buried(of hub.Class) {
	c.figures.Series(figures.DeadLetters, c.pipeline, c.stage, string(of)).Add(1)
}

// deadCause is what dead letters have in common that the log tells of together; which they are the store says. Zero: many causes.
type deadCause struct{ stage, group string }

// tellRepeats tells the log how much more there was of what comes in floods; all: at once, because the runtime ends.
func (rt *Runtime) tellRepeats(all bool) {
	now := rt.clock.Now()
	rt.dead.More(now, all, func(c deadCause, more int) {
		rt.log.Warn("more dead letters", "stage", cmp.Or(c.stage, "others"), "group", c.group, "count", more)
	})
	rt.late.More(rt.log, now, all)
}
