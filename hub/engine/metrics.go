package engine

import (
	"log/slog"
	"strings"
	"sync"
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
