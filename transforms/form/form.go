// Package form is the format `form`: application/x-www-form-urlencoded, as
// HTML forms and APIs such as Stripe's have it.
package form

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Options say how what is no flat list of texts is written.
type Options struct {
	Nested string `yaml:"nested" default:"brackets" oneof:"brackets|dots|none" doc:"How an object in an object is written and read. brackets: a[b]=1. dots: a.b=1. none: names are texts, and such an object is an error."`
	Repeat string `yaml:"repeat" default:"plain" oneof:"plain|brackets|indices|comma" doc:"How a list is written. plain: a=1&a=2. brackets: a[]=1&a[]=2. indices: a[0]=1&a[1]=2. comma: a=1,2. All but comma are read, however it is set."`
}

const contentType = "application/x-www-form-urlencoded"

// The bounds of a form: what a person fills in is far below them.
const (
	maxFields = 1000
	maxDepth  = 16
	maxIndex  = 999
)

// Format declares it.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "form", Types: []string{contentType}},
		func() *Options { return &Options{Nested: "brackets", Repeat: "plain"} }, nil,
		func(o *Options, _ func(string) *hub.Format) (*hub.Format, error) {
			return &hub.Format{Name: "form", Type: contentType, Untyped: true, Decode: o.decode, Encode: o.encode}, nil
		})
}

// node is a field on its way: a text, a list or an object.
type node struct {
	text   string
	set    bool // it is a text
	items  []*node
	names  []string
	fields map[string]*node
}

func (o *Options) decode(raw []byte) (doc.Value, error) {
	root := &node{fields: map[string]*node{}} // an object, whatever its fields are called
	for at, n := 0, 0; at < len(raw); n++ {
		part := raw[at:]
		if i := bytes.IndexByte(part, '&'); i >= 0 {
			part = part[:i]
		}
		if len(part) > 0 {
			if n >= maxFields {
				return doc.Value{}, doc.Refuse(raw, at, "bad_form", fmt.Sprintf("more than %d fields", maxFields))
			}
			if err := o.field(root, part); err != nil {
				return doc.Value{}, doc.Refuse(raw, at, "bad_form", err.Error())
			}
		}
		at += len(part) + 1
	}
	return root.value(), nil
}

// field adds name=value to root.
func (o *Options) field(root *node, part []byte) error {
	name, value, _ := strings.Cut(string(part), "=")
	name, err := unescape(name)
	if err != nil {
		return err
	}
	if value, err = unescape(value); err != nil {
		return err
	}
	path, err := o.path(name)
	if err != nil {
		return err
	}
	at := root
	for _, segment := range path {
		if at, err = at.child(segment, name); err != nil {
			return err
		}
	}
	return at.put(value, name)
}

func unescape(s string) (string, error) {
	out, err := url.QueryUnescape(s)
	if err != nil {
		return "", fmt.Errorf("%s: write %%25 for a %%", err)
	}
	return out, nil
}

// path is the name of a field as the names and indices that it is made of; "" is a list's next element.
func (o *Options) path(name string) ([]string, error) {
	var path []string
	switch {
	case name == "":
		return nil, fmt.Errorf("a field without a name")
	case o.Nested == "dots":
		path = strings.Split(name, ".")
	case o.Nested == "brackets" && strings.HasSuffix(name, "]"):
		first, rest, _ := strings.Cut(name[:len(name)-1], "[")
		path = append([]string{first}, strings.Split(rest, "][")...)
	case strings.HasSuffix(name, "[]"):
		path = []string{name[:len(name)-2], ""}
	default:
		path = []string{name}
	}
	switch {
	case path[0] == "":
		return nil, fmt.Errorf("the field %q begins with no name", doc.Shorten(name, 60))
	case len(path) > maxDepth:
		return nil, fmt.Errorf("the field %q is deeper than %d levels", doc.Shorten(name, 60), maxDepth)
	}
	return path, nil
}

// child is the part of n that a segment of the field called name stands for. A number, or nothing, is a place in a list.
func (n *node) child(segment, name string) (*node, error) {
	index, err := strconv.Atoi(segment)
	list := segment == "" || err == nil && index >= 0 && index <= maxIndex && n.fields == nil
	switch {
	case n.set, list && n.fields != nil, !list && n.items != nil:
		return nil, fmt.Errorf("the field %q is two things at once: a text, a list or an object", doc.Shorten(name, 60))
	case segment == "" || list && index == len(n.items):
		n.items = append(n.items, &node{})
		return n.items[len(n.items)-1], nil
	case list && index < len(n.items):
		return n.items[index], nil
	case list:
		return nil, fmt.Errorf("the field %q leaves out the elements before it", doc.Shorten(name, 60))
	}
	if n.fields == nil {
		n.fields = map[string]*node{}
	}
	c := n.fields[segment]
	if c == nil {
		c = &node{}
		n.fields[segment] = c
		n.names = append(n.names, segment)
	}
	return c, nil
}

// put gives n a text; the second one makes it a list.
func (n *node) put(text, name string) error {
	switch {
	case n.fields != nil:
		return fmt.Errorf("the field %q is two things at once: a text, a list or an object", doc.Shorten(name, 60))
	case n.set:
		n.items, n.set = []*node{{text: n.text, set: true}, {text: text, set: true}}, false
	case n.items != nil:
		n.items = append(n.items, &node{text: text, set: true})
	default:
		n.text, n.set = text, true
	}
	return nil
}

func (n *node) value() doc.Value {
	switch {
	case n.set:
		return doc.StringValue(n.text)
	case n.items != nil:
		out := make([]doc.Value, len(n.items))
		for i, e := range n.items {
			out[i] = e.value()
		}
		return doc.ListOf(out)
	}
	out := make([]doc.Field, len(n.names))
	for i, name := range n.names {
		out[i] = doc.Field{Name: name, Value: n.fields[name].value()}
	}
	return doc.ObjectOf(out)
}

func (o *Options) encode(v doc.Value) ([]byte, error) {
	if v.Kind() != doc.Object {
		return nil, hub.Fail(hub.Invalid, "no_form", "a form is written from an object, and this is %s", v.Kind())
	}
	var out []byte
	for name, value := range v.Fields() {
		var err error
		if out, err = o.append(out, name, value, 1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// append writes a field and what is in it. Null is left out.
func (o *Options) append(out []byte, name string, v doc.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, hub.Fail(hub.Invalid, "no_form", "%s is deeper than %d levels", name, maxDepth)
	}
	switch v.Kind() {
	case doc.Null:
		return out, nil
	case doc.Object:
		for key, value := range v.Fields() {
			inner, err := o.inner(name, key)
			if err == nil {
				out, err = o.append(out, inner, value, depth+1)
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	case doc.Array:
		return o.list(out, name, v, depth)
	}
	if len(out) > 0 {
		out = append(out, '&')
	}
	return append(append(append(out, url.QueryEscape(name)...), '='), url.QueryEscape(v.Text())...), nil
}

// inner is the name of a field in an object.
func (o *Options) inner(name, key string) (string, error) {
	switch o.Nested {
	case "brackets":
		return name + "[" + key + "]", nil
	case "dots":
		return name + "." + key, nil
	}
	return "", hub.Fail(hub.Invalid, "no_form", "%s is an object, which a form has no place for: write nested: brackets or dots at the format", name)
}

func (o *Options) list(out []byte, name string, v doc.Value, depth int) (_ []byte, err error) {
	var texts []string
	for i, e := range v.Elems() {
		at := name
		switch kind := e.Kind(); {
		case kind == doc.Array, kind == doc.Object && o.Repeat != "indices":
			return nil, hub.Fail(hub.Invalid, "no_form", "%s is a list of %ss, which a form has no place for: write repeat: indices at the format for a list of objects", name, kind)
		case o.Repeat == "comma":
			texts = append(texts, e.Text())
			continue
		case o.Repeat == "brackets":
			at += "[]"
		case o.Repeat == "indices":
			at += "[" + strconv.Itoa(i) + "]"
		}
		if out, err = o.append(out, at, e, depth+1); err != nil {
			return nil, err
		}
	}
	if texts != nil {
		return o.append(out, name, doc.StringValue(strings.Join(texts, ",")), depth)
	}
	return out, nil
}
