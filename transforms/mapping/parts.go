package mapping

import (
	"errors"
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
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
			return false, inside(err, "."+f.name.String())
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
		e.Path = step[1:] + e.Path
		if step[0] == '[' {
			e.Path = "[" + e.Path
		}
	}
	return err
}
