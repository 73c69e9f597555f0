package mapping

import (
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// each makes an entry for each element of a list. Missing and null give missing and null.
type each struct {
	pos       any
	list      *formula.Formula
	test      *formula.Formula // nil: all elements
	testPos   any
	entry     part
	it, index int // slots of the frame
	outer     int // slot; -1: there is no enclosing $each
	enclosing int // slot of its element
}

func (e *each) put(r *run, name *doc.Name) (bool, error) {
	list, err := e.list.Eval(r.fr)
	if err != nil {
		return false, &RunError{Pos: e.pos, Err: err}
	}
	switch list.Kind() {
	case doc.Missing:
		return false, nil
	case doc.Null:
		r.key(name)
		r.b.Null()
		return true, nil
	case doc.Array:
	default:
		return false, &RunError{Pos: e.pos, Err: failed("$each needs a list; %s is %s", e.list.Source(), shape.OfValue(list).Describe())}
	}
	r.key(name)
	r.b.BeginArray()
	if e.outer >= 0 {
		r.fr.Local(e.outer, r.fr.Locals[e.enclosing])
	}
	for i, element := range list.Elems() {
		if err := e.putEntry(r, i, element); err != nil {
			return false, inside(err, "["+strconv.Itoa(i)+"]")
		}
	}
	r.b.EndArray()
	return true, nil
}

func (e *each) putEntry(r *run, i int, element doc.Value) error {
	if err := r.spend(); err != nil {
		return &RunError{Pos: e.pos, Err: err}
	}
	r.fr.Local(e.it, element)
	r.fr.Local(e.index, doc.IntValue(int64(i)))
	if e.test != nil {
		ok, err := e.test.Bool(r.fr)
		if err != nil {
			return &RunError{Pos: e.testPos, Err: err}
		}
		if !ok {
			return nil
		}
	}
	_, err := e.entry.put(r, nil)
	return err
}
