package mapping

import (
	"errors"
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// part is a compiled tree. put writes its value, after its name when it is a field's (else nil). false: there is no value, and nothing was
// written.
type part interface {
	put(r *run, name *doc.Name) (bool, error)
}

// leaf copies or computes a value.
type leaf struct {
	pos any
	f   *formula.Formula
}

func (l *leaf) put(r *run, name *doc.Name) (bool, error) {
	v, err := l.f.Eval(r.fr)
	if err != nil {
		return false, &RunError{Pos: l.pos, Err: err}
	}
	if v.Kind() == doc.Missing {
		return false, nil
	}
	r.key(name)
	r.b.Value(v)
	if r.b.Len() > MaxBytes {
		return false, &RunError{Pos: l.pos, Err: overLimit("makes more than %d bytes", MaxBytes)}
	}
	return true, nil
}

// literal is always the same value.
type literal struct{ v doc.Value }

func (l *literal) put(r *run, name *doc.Name) (bool, error) {
	if l.v.Kind() == doc.Missing {
		return false, nil
	}
	r.key(name)
	r.b.Value(l.v)
	return true, nil
}

type object struct{ fields []field }

type field struct {
	name  *doc.Name
	value part
}

func (o *object) put(r *run, name *doc.Name) (bool, error) {
	r.key(name)
	r.b.BeginObject()
	for i := range o.fields {
		f := &o.fields[i]
		if _, err := f.value.put(r, f.name); err != nil {
			return false, inside(err, f.name.String())
		}
	}
	r.b.EndObject()
	return true, nil
}

// array is a list of fixed length: an item without value is null, so that the others keep their places. One with a $when that is false is
// left out.
type array struct{ items []part }

func (a *array) put(r *run, name *doc.Name) (bool, error) {
	r.key(name)
	r.b.BeginArray()
	for i, item := range a.items {
		wrote, err := item.put(r, nil)
		if err != nil {
			return false, inside(err, "["+strconv.Itoa(i)+"]")
		}
		if _, conditional := item.(*when); !wrote && !conditional {
			r.b.Null()
		}
	}
	r.b.EndArray()
	return true, nil
}

// when leaves its part out.
type when struct {
	pos  any
	test *formula.Formula
	then part
}

func (w *when) put(r *run, name *doc.Name) (bool, error) {
	ok, err := w.test.Bool(r.fr)
	if err != nil {
		return false, &RunError{Pos: w.pos, Err: err}
	}
	if !ok {
		return false, nil
	}
	return w.then.put(r, name)
}

// inside adds a step to the path of an error on its way out.
func inside(err error, step string) error {
	if e, ok := errors.AsType[*RunError](err); ok {
		if e.Path != "" && e.Path[0] != '[' {
			step += "."
		}
		e.Path = step + e.Path
	}
	return err
}

// each makes an entry for each element of a list. Missing and null give missing and null.
type each struct {
	pos       any
	list      *formula.Formula
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
	_, err := e.entry.put(r, nil)
	return err
}
