package mapping

import (
	"fmt"
	"sync"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// node makes one value of the target.
type node interface {
	// write adds the value to b; name is the field's name, when named. A missing value adds nothing.
	write(b *doc.Builder, fr *formula.Frame, name string, named bool) error
	typ() *shape.Type
}

var builders = sync.Pool{New: func() any { return new(doc.Builder) }}

// Apply makes the target from the frame. The error is a *RunError.
func (m *Mapping) Apply(fr *formula.Frame) (doc.Value, error) {
	if l, ok := m.root.(*leaf); ok {
		return l.eval(fr)
	}
	if l, ok := m.root.(*literal); ok {
		return l.v, nil
	}
	b := builders.Get().(*doc.Builder)
	b.Reset()
	if err := m.root.write(b, fr, "", false); err != nil {
		builders.Put(b)
		return doc.Value{}, err
	}
	if b.Len() == 0 {
		builders.Put(b)
		return doc.Value{}, nil
	}
	v := b.Done()
	builders.Put(b)
	return v, nil
}

type leaf struct {
	pos any
	f   *formula.Formula
}

func (l *leaf) eval(fr *formula.Frame) (doc.Value, error) {
	v, err := l.f.Eval(fr)
	if err != nil {
		return v, &RunError{l.pos, err}
	}
	return v, nil
}

func (l *leaf) write(b *doc.Builder, fr *formula.Frame, name string, named bool) error {
	v, err := l.eval(fr)
	if err != nil {
		return err
	}
	if v.Kind() == doc.Missing && named {
		return nil
	}
	if named {
		b.Key(name)
	}
	b.Value(v)
	return nil
}

func (l *leaf) typ() *shape.Type {
	if l.f == nil {
		return shape.AnyType
	}
	return l.f.Type()
}

type literal struct{ v doc.Value }

func (l *literal) write(b *doc.Builder, _ *formula.Frame, name string, named bool) error {
	if named {
		b.Key(name)
	}
	b.Value(l.v)
	return nil
}

func (l *literal) typ() *shape.Type { return shape.OfValue(l.v) }

type array struct{ items []node }

func (a *array) write(b *doc.Builder, fr *formula.Frame, name string, named bool) error {
	if named {
		b.Key(name)
	}
	b.BeginArray()
	for _, n := range a.items {
		if err := n.write(b, fr, "", false); err != nil {
			return err
		}
	}
	b.EndArray()
	return nil
}

func (a *array) typ() *shape.Type {
	if len(a.items) == 0 {
		return shape.ArrayOf(shape.AnyType)
	}
	t := a.items[0].typ()
	for _, n := range a.items[1:] {
		t = shape.Join(t, n.typ())
	}
	return shape.ArrayOf(t)
}

type object struct {
	when   *leaf
	names  []string
	values []node
}

func (o *object) write(b *doc.Builder, fr *formula.Frame, name string, named bool) error {
	if o.when != nil {
		ok, err := holds(o.when, fr)
		if err != nil || !ok {
			return err
		}
	}
	if named {
		b.Key(name)
	}
	b.BeginObject()
	for i, n := range o.values {
		if err := n.write(b, fr, o.names[i], true); err != nil {
			return err
		}
	}
	b.EndObject()
	return nil
}

func (o *object) typ() *shape.Type {
	fields := make([]shape.Field, len(o.names))
	for i, name := range o.names {
		t := o.values[i].typ()
		fields[i] = shape.Field{Name: name, Type: t, Required: !t.Nullable}
	}
	t := shape.ObjectType(fields...)
	if o.when != nil {
		return shape.OrNull(t)
	}
	return t
}

func holds(l *leaf, fr *formula.Frame) (bool, error) {
	ok, err := l.f.Bool(fr)
	if err != nil {
		return false, &RunError{l.pos, err}
	}
	return ok, nil
}

type each struct {
	list             *leaf
	when             *leaf
	entry            node
	it, index, outer int // slots
	nested           bool
	outerFrom        *formula.Formula
}

func (e *each) write(b *doc.Builder, fr *formula.Frame, name string, named bool) error {
	list, err := e.list.eval(fr)
	if err != nil {
		return err
	}
	if list.IsNull() {
		if named && list.Kind() == doc.Missing {
			return nil
		}
	} else if list.Kind() != doc.Array {
		return &RunError{e.list.pos, fmt.Errorf("$each needs a list, %s is %s", e.list.f.Source(), list.Kind())}
	}
	if named {
		b.Key(name)
	}
	if e.nested {
		outer, err := e.outerFrom.Eval(fr)
		if err != nil {
			return &RunError{e.list.pos, err}
		}
		fr.Local(e.outer, outer)
	}
	b.BeginArray()
	for i, v := range list.Elems() {
		fr.Local(e.it, v)
		fr.Local(e.index, doc.IntValue(int64(i)))
		if e.when != nil {
			ok, err := holds(e.when, fr)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if err := e.entry.write(b, fr, "", false); err != nil {
			return err
		}
	}
	b.EndArray()
	return nil
}

func (e *each) typ() *shape.Type { return shape.ArrayOf(e.entry.typ()) }
