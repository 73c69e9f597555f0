package hub

import "orderhub/hub/doc"

// MarkedPath is a place of a document that a schema marks with x-secret or
// x-pii. "*" stands for any name or any item. Since documents move into others,
// the path is looked for at every depth: /customer/email of an order is found in {"order": {…}} as well.
type MarkedPath struct {
	Path   []string
	Secret bool // x-secret: not even shown where documents are; else personal
}

// markNode is a tree of marked paths.
type markNode struct {
	next           map[string]*markNode
	marked, secret bool
}

// newMarkTree is nil without paths.
func newMarkTree(paths []MarkedPath) *markNode {
	if len(paths) == 0 {
		return nil
	}
	root := &markNode{}
	for _, p := range paths {
		n := root
		for _, name := range p.Path {
			if n.next == nil {
				n.next = map[string]*markNode{}
			}
			if n.next[name] == nil {
				n.next[name] = &markNode{}
			}
			n = n.next[name]
		}
		n.marked, n.secret = true, n.secret || p.Secret
	}
	return root
}

// walk visits the marked values of v that are no objects and no lists. name is of the field that holds them.
func (n *markNode) walk(v doc.Value, visit func(name string, leaf doc.Value, secret bool)) {
	w := markWalk{root: n, visit: func(name string, leaf doc.Value, secret bool) doc.Value {
		visit(name, leaf, secret)
		return leaf
	}}
	w.value(v, place{nodes: []*markNode{n}})
}

// markWalk walks through a document with the nodes of the tree that its values stand at.
type markWalk struct {
	root    *markNode
	visit   func(name string, leaf doc.Value, secret bool) doc.Value
	rebuild bool
}

// place is where a value stands.
type place struct {
	nodes          []*markNode
	name           string // of the field
	marked, secret bool
}

// value visits v; with rebuild it gives v with what visit gave for its leaves.
func (w *markWalk) value(v doc.Value, at place) doc.Value {
	switch v.Kind() {
	case doc.Object:
		var fields []doc.Field
		for name, f := range v.Fields() {
			f = w.value(f, w.enter(at, name, name))
			if w.rebuild {
				fields = append(fields, doc.Field{Name: name, Value: f})
			}
		}
		if w.rebuild {
			return doc.ObjectOf(fields)
		}
	case doc.Array:
		var list []doc.Value
		for _, e := range v.Elems() {
			e = w.value(e, w.enter(at, "*", at.name))
			if w.rebuild {
				list = append(list, e)
			}
		}
		if w.rebuild {
			return doc.ListOf(list)
		}
	default:
		if at.marked && v.Kind() != doc.Null {
			return w.visit(at.name, v, at.secret)
		}
	}
	return v
}

// enter is the place of a field or an item below at.
func (w *markWalk) enter(at place, step, name string) place {
	down := place{name: name, marked: at.marked, secret: at.secret, nodes: []*markNode{w.root}}
	for _, n := range at.nodes {
		for i, key := range [...]string{step, "*"} {
			c := n.next[key]
			if c == nil || i == 1 && step == "*" {
				continue
			}
			down.nodes = append(down.nodes, c)
			down.marked, down.secret = down.marked || c.marked, down.secret || c.secret
		}
	}
	return down
}

// Redact is v as people may see it: its secret values (x-secret) are masked, personal ones are as they are.
func (m *Masker) Redact(v doc.Value) doc.Value {
	now := m.masking()
	if now == nil || now.marks == nil {
		return v
	}
	found := false
	w := markWalk{root: now.marks, rebuild: true, visit: func(name string, leaf doc.Value, secret bool) doc.Value {
		if !secret {
			return leaf
		}
		found = true
		return doc.StringValue("[" + name + "]")
	}}
	shown := w.value(v, place{nodes: []*markNode{now.marks}})
	if !found {
		return v
	}
	return shown
}
