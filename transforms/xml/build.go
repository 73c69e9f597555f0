package xml

import (
	"fmt"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// builder makes the document of the nodes.
type builder struct {
	doc    doc.Builder
	path   []string // names of the elements around the place
	values int
	group  int // counts the groups of siblings
}

var textName = doc.NewName("#text")

// document makes the document of an element.
func (d *decoder) document(root int32) (doc.Value, *flaw) {
	n := &d.nodes[root]
	name := n.key.String()
	d.path, d.values = d.path[:0], 0
	for _, o := range d.open {
		d.path = append(d.path, o.key.String())
	}
	d.path = append(d.path, name)
	var f *flaw
	switch {
	case d.Root == "" || d.soap != nil:
		d.doc.BeginObject()
		d.doc.KeyName(n.key.Name)
		if f = d.value(root, 2); f == nil {
			d.doc.EndObject()
		}
	case name == d.Root:
		f = d.value(root, 1)
	default:
		f = bad(int(n.from), "the root element is %s, expected %s", name, d.Root)
	}
	if f != nil {
		d.doc.Reset()
		return doc.Value{}, f
	}
	return d.doc.Done(), nil
}

// value writes what the element holds. level is how deep an object or a list here would be.
func (d *decoder) value(e int32, level int) *flaw {
	n := &d.nodes[e]
	first := &d.nodes[n.first]
	if d.values++; d.values > maxValues {
		return &flaw{at: int(n.from), code: CodeTooComplex, detail: fmt.Sprintf("more than %d values", maxValues)}
	}
	switch {
	case n.first == 0:
		d.doc.Str("")
	case first.next == 0 && first.kind == isCharacters:
		d.doc.Str(d.textOf(first))
	case first.next == 0 && first.kind == isAttribute && first.key.String() == d.isNil && isTrue(d.textOf(first)):
		d.doc.Null()
	default:
		return d.object(e, level)
	}
	return nil
}

func isTrue(s string) bool { return s == "true" || s == "1" }

// object writes an element with attributes or children.
func (d *decoder) object(e int32, level int) *flaw {
	if level > maxDepth {
		return d.tooDeep(e)
	}
	d.siblings(e)
	d.doc.BeginObject()
	texts := int32(0)
	for c := d.nodes[e].first; c != 0; c = d.nodes[c].next {
		n := &d.nodes[c]
		switch {
		case n.kind == isCharacters:
			n.twin, texts = texts, c // the texts are a list that begins with the last
		case n.kind == isAttribute:
			d.values++
			d.doc.KeyName(n.key.Name)
			d.doc.Str(d.textOf(n))
		case !n.again:
			d.doc.KeyName(n.key.Name)
			if f := d.field(c, level+1); f != nil {
				return f
			}
		}
	}
	if texts != 0 {
		d.values++
		d.doc.KeyName(textName)
		d.doc.Str(d.joined(texts))
	}
	d.doc.EndObject()
	return nil
}

// siblings finds the children of an element that have the same name.
func (d *decoder) siblings(e int32) {
	d.group++
	for c := d.nodes[e].first; c != 0; c = d.nodes[c].next {
		n := &d.nodes[c]
		if n.kind != isElement {
			continue
		}
		if n.again = n.key.group == d.group; n.again {
			d.nodes[n.key.last].twin = c
		}
		n.key.group, n.key.last = d.group, c
	}
}

// field writes an element, or the list of it and its twins.
func (d *decoder) field(e int32, level int) (f *flaw) {
	n := &d.nodes[e]
	d.path = append(d.path, n.key.String())
	list := n.twin != 0
	if !list && n.key.lists != nil {
		_, list = n.key.lists.find(d.path)
	}
	switch {
	case !list:
		f = d.value(e, level)
	case level > maxDepth:
		f = d.tooDeep(e)
	default:
		d.values++
		d.doc.BeginArray()
		for ; e != 0 && f == nil; e = d.nodes[e].twin {
			f = d.value(e, level+1)
		}
		if f == nil {
			d.doc.EndArray()
		}
	}
	d.path = d.path[:len(d.path)-1]
	return f
}

func (d *decoder) tooDeep(e int32) *flaw {
	return &flaw{at: int(d.nodes[e].from), code: CodeTooDeep, detail: fmt.Sprintf("objects and lists would be nested deeper than %d levels", maxDepth)}
}

// joined returns the texts of a list that begins with the last.
func (d *decoder) joined(last int32) string {
	if d.nodes[last].twin == 0 {
		return d.textOf(&d.nodes[last])
	}
	var parts []string
	for c := last; c != 0; c = d.nodes[c].twin {
		parts = append(parts, d.textOf(&d.nodes[c]))
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

func (d *decoder) textOf(n *node) string { return d.text(n.span) }

// text is read before the arena changes.
func (d *decoder) text(s span) string { return doc.View(d.arena[s.from:s.to]) }
