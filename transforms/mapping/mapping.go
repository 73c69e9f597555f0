// Package mapping is the Message Translator: a tree in the shape of the document to make, with formulas for leaves, compiled against the
// formulas' scope and the target's type, and applied by writing the new document in one pass.
//
// The tree knows no YAML: whoever reads the configuration makes it, and gets its positions back in the errors.
package mapping

import (
	"fmt"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// The budget of one Apply, beside that of each formula.
const (
	MaxEntries = 100_000          // of all $each together
	MaxBytes   = 16 << 20         // of the document
	maxTime    = 10 * time.Second // great: a busy machine must not make a good message invalid
)

// Mapping is a compiled mapping, safe for concurrent use, each goroutine with its own Frame.
type Mapping struct {
	root part
	typ  *shape.Type
	runs sync.Pool
}

func newMapping(root part, typ *shape.Type) *Mapping {
	return &Mapping{root: root, typ: typ, runs: sync.Pool{New: func() any { return new(run) }}}
}

// Type is the type of the documents that the mapping makes.
func (m *Mapping) Type() *shape.Type { return m.typ }

// Apply makes the document: Missing, if the mapping's only formula gives that or its $when is false. Of an object or a list Source returns the
// text, and it is decoded already. The error is a *RunError.
func (m *Mapping) Apply(fr *formula.Frame) (doc.Value, error) {
	switch root := m.root.(type) {
	case *leaf: // nothing to write: the value itself
		v, err := root.f.Eval(fr)
		if err != nil {
			return doc.Value{}, &RunError{Pos: root.pos, Err: err}
		}
		return v, nil
	case *literal:
		return root.v, nil
	}
	r := m.runs.Get().(*run)
	r.fr, r.entries, r.start = fr, 0, time.Time{}
	_, err := m.root.put(r, nil)
	r.fr = nil
	if err != nil {
		r.b.Reset()
		m.runs.Put(r)
		return doc.Value{}, err
	}
	v := r.b.Done()
	m.runs.Put(r)
	return v, nil
}

// run is one Apply.
type run struct {
	b       doc.Builder
	fr      *formula.Frame
	entries int
	start   time.Time
}

// key writes the name of the next value, if it is a field's.
func (r *run) key(name *doc.Name) {
	if name != nil {
		r.b.KeyName(name)
	}
}

// spend counts an entry. The clock is read for every 256th only.
func (r *run) spend() error {
	r.entries++
	switch {
	case r.entries > MaxEntries:
		return overLimit("makes more than %d entries", MaxEntries)
	case r.b.Len() > MaxBytes:
		return overLimit("makes more than %d bytes", MaxBytes)
	case r.entries%256 != 0:
	case r.start.IsZero():
		r.start = time.Now()
	case time.Since(r.start) > maxTime:
		return overLimit("takes longer than %v", maxTime)
	}
	return nil
}

// Error is a fault of a mapping, found before anything runs. Offset and Length are bytes of the formula at Pos; both 0: all of what is at Pos.
type Error struct {
	Pos            any
	Offset, Length int
	Message, Help  string
}

// RunError is a part of a mapping that failed on a message. Err is a *formula.RunError or a *hub.Error.
type RunError struct {
	Pos  any
	Path string // the field that was to be made: items[2].price
	Err  error
}

func (e *RunError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *RunError) Unwrap() error { return e.Err }

func failed(format string, args ...any) error {
	return hub.Fail(hub.Invalid, formula.ReasonTransform, format, args...)
}

func overLimit(format string, args ...any) error {
	return hub.Fail(hub.Invalid, formula.ReasonLimit, "the mapping %s", fmt.Sprintf(format, args...))
}
