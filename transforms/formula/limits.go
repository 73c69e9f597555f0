package formula

import (
	"fmt"
	"time"

	"orderhub/hub/doc"
)

// Limits is the budget of one Eval. Zero fields mean the defaults.
type Limits struct {
	Steps  int           // node visits; 1,000,000
	Memory int           // bytes of built texts and lists; 16 MiB
	Wall   time.Duration // looked at every 1,024 steps; 1 s
}

// DefaultLimits is the budget of a Frame that names none.
var DefaultLimits = Limits{Steps: 1_000_000, Memory: 16 << 20, Wall: time.Second}

func (l Limits) orDefault() Limits {
	if l.Steps <= 0 {
		l.Steps = DefaultLimits.Steps
	}
	if l.Memory <= 0 {
		l.Memory = DefaultLimits.Memory
	}
	if l.Wall <= 0 {
		l.Wall = DefaultLimits.Wall
	}
	return l
}

const (
	stride    = 1024 // steps between two looks at the clock
	valueSize = 32   // bytes of an element of a built list
	fieldSize = 48   // bytes of a field of a built object
	maxDepth  = 64   // nesting of a built value: what a document may have
)

// budget counts what is left. Small formulas never look at the clock.
type budget struct {
	limits   Limits
	chunk    int // steps until the next look
	steps    int // steps left behind this chunk
	memory   int // bytes left
	deadline time.Time
	over     string // what was exceeded; "": nothing
}

func (b *budget) reset() {
	b.chunk = min(stride, b.limits.Steps)
	b.steps = b.limits.Steps - b.chunk
	b.memory = b.limits.Memory
	if !b.deadline.IsZero() || b.over != "" { // seldom
		b.deadline, b.over = time.Time{}, ""
	}
}

// spend takes n steps; false: the budget is used up.
func (b *budget) spend(n int) bool {
	b.chunk -= n
	return b.chunk >= 0 || b.refill()
}

func (b *budget) refill() bool {
	if b.over != "" {
		return false
	}
	need := -b.chunk
	if need > b.steps {
		b.over = fmt.Sprintf("more than %d steps", b.limits.Steps)
		return false
	}
	give := min(max(stride, need), b.steps)
	b.steps -= give
	b.chunk += give
	now := time.Now()
	switch {
	case b.deadline.IsZero():
		b.deadline = now.Add(b.limits.Wall)
	case now.After(b.deadline):
		b.over = fmt.Sprintf("longer than %v", b.limits.Wall)
		return false
	}
	return true
}

// take takes n bytes; false: the budget is used up.
func (b *budget) take(n int) bool {
	if n < 0 || n > b.memory {
		if b.over == "" {
			b.over = fmt.Sprintf("more than %d bytes", b.limits.Memory)
		}
		b.memory = 0
		return false
	}
	b.memory -= n
	return b.over == ""
}

// takeTimes takes n times so many bytes, however many that are.
func (b *budget) takeTimes(n, bytes int) bool {
	if n > 0 && bytes > b.memory/n {
		return b.take(-1)
	}
	return b.take(n * bytes)
}

// deeper takes one more level; false: there is no room for it.
func (b *budget) deeper(room int) bool {
	if room == 0 {
		b.over = fmt.Sprintf("more than %d levels", maxDepth)
	}
	return room > 0
}

// read pays for reading a text of n bytes: short ones are free.
func (b *budget) read(n int) bool { return n <= 256 || b.spend(n/64) }

// weigh pays for a walk over all of v, and refuses what nests too deep. Shared parts count each time they are met, as they would be written.
func (b *budget) weigh(v doc.Value) bool { return b.weighAt(v, maxDepth) }

func (b *budget) weighAt(v doc.Value, depth int) bool {
	if k := v.Kind(); k < doc.String {
		return b.spend(1)
	} else if src := v.Source(); src != nil {
		return b.spend(1 + len(src)/64)
	} else if k == doc.String {
		return b.spend(1 + len(v.Str())/64)
	}
	if !b.deeper(depth) {
		return false
	}
	if v.Kind() == doc.Array {
		for _, e := range v.Elems() {
			if !b.weighAt(e, depth-1) {
				return false
			}
		}
		return true
	}
	for _, e := range v.Fields() {
		if !b.weighAt(e, depth-1) {
			return false
		}
	}
	return b.spend(1)
}

// within ends the formula when its budget did not suffice.
func (p *place) within(fr *Frame, ok bool) {
	if !ok {
		panic(p.limit(fr))
	}
}

// limit is the error of an exceeded budget.
func (p *place) limit(fr *Frame) *RunError {
	e := p.fail("the formula needs %s", fr.over)
	e.Reason = ReasonLimit
	e.Help = "split the work into steps"
	return e
}
