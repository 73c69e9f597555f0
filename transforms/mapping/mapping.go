package mapping

import (
	"sync"
	"time"

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
