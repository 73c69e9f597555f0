package formula

import (
	"fmt"
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// rootKind says where the value of a name comes from, and so where a path starts.
type rootKind uint8

const (
	rootNone rootKind = iota // of a name that was taken away
	rootFunc                 // a function, which has no value
	rootBody
	rootVar
	rootLocal
	rootMeta    // id, key, correlation, time
	rootHeaders // all of them
	rootHeader  // one
	rootSlot    // an element, or a variable of let
)

// path is a chain of constant steps from a root: body.items[0].sku, stock.warehouse, .price.
type path struct {
	root rootKind
	slot int
	name string
	segs []seg
	at   place // the whole of it
}

// seg is one step of a path. It ends at byte to of the source.
type seg struct {
	name     string
	index    int
	isIndex  bool
	optional bool
	to       int
}

// read is the node that reads a path.
func (c *compiler) read(p place, t *shape.Type, pa *path) *node {
	if t == nil {
		t = shape.AnyType
	}
	pa.at = p
	n := &node{place: p, typ: t, path: pa}
	n.val = pa.compile(func(_ *Frame, fault *RunError) { panic(fault) })
	return n
}

// extend is the path with one more step.
func (pa *path) extend(s seg) *path {
	c := *pa
	c.segs = append(append([]seg(nil), pa.segs...), s)
	return &c
}

func (pa *path) load(fr *Frame) (doc.Value, *RunError) {
	switch pa.root {
	case rootBody:
		v, err := fr.Body()
		if err != nil {
			e := pa.at.fail("the body is no document: %v", err)
			e.Err = err
			return v, e
		}
		return v, nil
	case rootVar:
		if fr.X == nil {
			return doc.Value{}, nil
		}
		return fr.X.Vars.Get(pa.name), nil
	case rootLocal:
		return fr.local(pa.slot), nil
	case rootMeta:
		return fr.meta(pa.name), nil
	case rootHeaders:
		return fr.headers(), nil
	case rootHeader:
		return fr.header(pa.name), nil
	}
	return fr.slots[pa.slot], nil
}

// walk follows the first n steps from the root.
func (pa *path) walk(fr *Frame, n int) (doc.Value, *RunError) {
	v, err := pa.load(fr)
	if err != nil {
		return v, err
	}
	for i := range n {
		s := &pa.segs[i]
		switch k := v.Kind(); {
		case k == doc.Object && !s.isIndex:
			v = v.Get(s.name)
		case k == doc.Array && s.isIndex:
			v = v.At(s.index)
		case v.IsNull() && s.optional:
			return doc.Value{}, nil
		default:
			return doc.Value{}, pa.stuck(fr, i, v)
		}
	}
	return v, nil
}

// upTo is the value after n steps, Missing where there is none.
func (pa *path) upTo(fr *Frame, n int) doc.Value {
	v, err := pa.walk(fr, n)
	if err != nil {
		return doc.Value{}
	}
	return v
}

// broken is the error of a path that can't be followed; nil: it can.
func (pa *path) broken(fr *Frame) *RunError {
	_, err := pa.walk(fr, len(pa.segs))
	return err
}

// stuck is the error of step i that found v, which has no such step.
func (pa *path) stuck(fr *Frame, i int, v doc.Value) *RunError {
	parent := place{src: pa.at.src, from: pa.at.from, to: pa.at.to}
	if i > 0 {
		parent.to = pa.segs[i-1].to
	} else {
		parent.to = min(parent.from+len(pa.name), parent.to)
	}
	n := &node{place: parent, path: &path{root: pa.root, slot: pa.slot, name: pa.name, segs: pa.segs[:i], at: parent}}
	if i == 0 {
		n.label = pa.name
	}
	want := "an object"
	if pa.segs[i].isIndex {
		want = "an array"
	}
	e := n.wrong(fr, v, want)
	if v.IsNull() && e.Help == "" {
		e.Help = fmt.Sprintf("write %s?%s if it may be absent", n.text(), pa.segs[i].text())
	}
	return e
}

func (s seg) text() string {
	if s.isIndex {
		return ".[" + strconv.Itoa(s.index) + "]"
	}
	return "." + s.name
}

// textOf is the source of the first n steps.
func (pa *path) textOf(p place, n int) string {
	if n == 0 {
		return pa.name
	}
	return p.src[p.from:pa.segs[n-1].to]
}

// compile is the closure that reads the path. The usual ones, names below the body, a local or an element, take the short way; whatever
// is unusual at run time is done again, with all checks, by walk. fail gets the error of a path that can't be followed.
func (pa *path) compile(fail func(*Frame, *RunError)) value {
	n := len(pa.segs)
	slow := func(fr *Frame) doc.Value {
		v, err := pa.walk(fr, n)
		if err != nil {
			fail(fr, err)
		}
		return v
	}
	names := make([]string, n)
	for i, s := range pa.segs {
		if s.isIndex {
			return slow
		}
		names[i] = s.name
	}
	root, slot := pa.root, pa.slot
	switch {
	case root != rootSlot && root != rootLocal && (root != rootBody || n == 0):
		return slow
	case n == 0 && root == rootSlot:
		return func(fr *Frame) doc.Value { return fr.slots[slot] }
	case n == 0:
		return func(fr *Frame) doc.Value { return fr.local(slot) }
	}
	first, rest := names[0], names[1:]
	return func(fr *Frame) doc.Value {
		v := fr.body
		if root == rootSlot {
			v = fr.slots[slot]
		} else if root == rootLocal {
			v = fr.local(slot)
		}
		if v.Kind() != doc.Object { // or a body that is not decoded yet
			return slow(fr)
		}
		v = v.Get(first)
		for _, name := range rest {
			if v.Kind() != doc.Object {
				return slow(fr)
			}
			v = v.Get(name)
		}
		return v
	}
}
