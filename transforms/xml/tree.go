package xml

import (
	"bytes"
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// key is a field of documents: the name of an element, or @ and that of an attribute.
type key struct {
	*doc.Name
	lists rules[struct{}] // those that end with it
	group int             // the group of siblings in which it was seen last: see builder.siblings
	last  int32           // the sibling of that name that was seen last
}

// binding is a namespace that the document declares.
type binding struct {
	prefix, uri string
	to          string // the prefix in names of fields
}

// begin opens the element whose start tag, at that place, has the name and the attributes at hand.
func (d *decoder) begin(at int, raw []byte) *flaw {
	if len(d.open) == maxDepth {
		return &flaw{at: at, code: CodeTooDeep, detail: "elements are nested deeper than 64 levels"}
	}
	o := opened{raw: raw, scope: len(d.scope)}
	outer := d.lookup("")
	for i := range d.attrs {
		if prefix, ok := declares(d.attrs[i].raw); ok {
			if f := d.declare(prefix, &d.attrs[i]); f != nil {
				return f
			}
		}
	}
	var f *flaw
	if o.key, _, f = d.key(raw, false, at+1); f != nil {
		return f
	}
	if n := len(d.open); n > 0 {
		o.preserve = d.open[n-1].preserve
	}
	o.node = d.add(node{key: o.key, span: span{from: int32(at)}})
	d.open = append(d.open, o)
	for i := range d.attrs {
		if f := d.addAttribute(i, outer); f != nil {
			return f
		}
	}
	return nil
}

// end closes the element that was opened last.
func (d *decoder) end() {
	last := len(d.open) - 1
	d.scope = d.scope[:d.open[last].scope]
	d.open = d.open[:last]
}

// add adds a child to the element that was opened last.
func (d *decoder) add(n node) int32 {
	at := int32(len(d.nodes))
	d.nodes = append(d.nodes, n)
	if len(d.open) > 0 {
		parent := &d.open[len(d.open)-1]
		if parent.last == 0 {
			d.nodes[parent.node].first = at
		} else {
			d.nodes[parent.last].next = at
		}
		parent.last = at
	}
	return at
}

// addAttribute adds attribute i of the element that was opened last. outer is the default namespace around it.
func (d *decoder) addAttribute(i int, outer *binding) (f *flaw) {
	a := &d.attrs[i]
	if a.key, a.uri, f = d.key(a.raw, true, a.at); f != nil {
		return f
	}
	local := a.raw[bytes.IndexByte(a.raw, ':')+1:]
	for _, b := range d.attrs[:i] {
		if b.key == a.key || a.uri != "" && a.uri == b.uri && bytes.HasSuffix(b.raw, local) && len(local) == len(b.raw)-1-bytes.IndexByte(b.raw, ':') {
			return bad(a.at, "the attribute %s is there twice", a.raw)
		}
	}
	if prefix, ok := declares(a.raw); ok && !d.kept(prefix, outer) {
		return nil
	}
	if a.uri == nsXML && string(local) == "space" {
		d.open[len(d.open)-1].preserve = d.text(a.span) == "preserve"
	}
	d.add(node{key: a.key, kind: isAttribute, span: a.span})
	return nil
}

// declares returns the prefix that an attribute declares.
func declares(raw []byte) (prefix string, ok bool) {
	if !bytes.HasPrefix(raw, []byte("xmlns")) {
		return "", false
	}
	prefix, prefixed := strings.CutPrefix(string(raw), "xmlns:")
	return strings.TrimPrefix(prefix, "xmlns"), prefixed || prefix == "xmlns"
}

// kept tells whether the declaration of a prefix is a field: what stands for a namespace that has a prefix of ours is declared anew when it
// is written, and that there is no namespace must be said only where there was one.
func (d *decoder) kept(prefix string, outer *binding) bool {
	b := d.lookup(prefix)
	if b.uri == "" {
		return outer != nil && outer.uri != "" && outer.to == ""
	}
	return !d.ours(b.uri)
}

func (d *decoder) ours(uri string) bool {
	return slices.ContainsFunc(d.spaces, func(s space) bool { return s.uri == uri })
}

// declare binds the prefix that the attribute declares.
func (d *decoder) declare(prefix string, a *attribute) *flaw {
	b := binding{prefix: prefix, uri: strings.Clone(d.text(a.span)), to: prefix}
	switch {
	case prefix != "" && !validPart(prefix):
		return bad(a.at, "%q is no prefix", prefix)
	case prefix == "xmlns" || (prefix == "xml") != (b.uri == nsXML) || b.uri == nsXMLNS:
		return bad(a.at, "the prefixes xml and xmlns and their namespaces belong to XML itself: %s can't be %q", a.raw, b.uri)
	case prefix != "" && b.uri == "":
		return bad(a.at, "the prefix %s has no namespace", prefix)
	}
	for _, s := range d.spaces {
		if s.uri == b.uri {
			b.to = s.prefix
			break
		}
		if s.prefix == prefix && b.uri != "" && !d.ours(b.uri) {
			return bad(a.at, "the prefix %q is %s here, and stands for %s in names of fields: give %[2]s a prefix of its own in namespaces", prefix, b.uri, s.uri)
		}
	}
	d.scope = append(d.scope, b)
	return nil
}

// lookup returns the binding of a prefix; nil: it is not declared.
func (d *decoder) lookup(prefix string) *binding {
	for i := len(d.scope) - 1; i >= 0; i-- {
		if d.scope[i].prefix == prefix {
			return &d.scope[i]
		}
	}
	return nil
}

// key returns the field for the name of an element or attribute, and its namespace: the name has the prefix that is ours for the namespace,
// else its own.
func (d *decoder) key(raw []byte, attribute bool, at int) (*key, string, *flaw) {
	word, local, uri := d.word[:0], raw, ""
	if attribute {
		word = append(word, '@')
	}
	colon := bytes.IndexByte(raw, ':')
	if colon == 0 || colon != bytes.LastIndexByte(raw, ':') {
		return nil, "", bad(at, "%q is no name in XML", raw)
	}
	own := attribute && (colon < 0 || bytes.HasPrefix(raw, []byte("xmlns:"))) // no binding has a say in it
	if !own {
		b := d.lookup(doc.View(raw[:max(colon, 0)]))
		switch {
		case b == nil && colon > 0:
			return nil, "", bad(at, "the prefix %s is not declared: expected xmlns:%[1]s in this element or one around it", raw[:colon])
		case b != nil && b.to == "" && attribute:
			return nil, "", bad(at, "the attribute %s is in %s, for which names have no prefix: give it one in namespaces", raw, b.uri)
		case b != nil && b.to != "":
			word = append(append(word, b.to...), ':')
			local = raw[colon+1:]
		case b != nil:
			local = raw[colon+1:]
		}
		if b != nil {
			uri = b.uri
		}
	}
	d.word = append(word, local...)
	if k, ok := d.keys[string(d.word)]; ok {
		return k, uri, nil
	}
	if !validName(string(raw)) {
		return nil, "", bad(at, "%q is no name in XML", raw)
	}
	return d.learn(string(d.word)), uri, nil
}

// learn makes the key of a field.
func (d *decoder) learn(name string) *key {
	k := &key{Name: doc.NewName(name), lists: d.lists.of(name)}
	d.keys[name] = k
	return k
}
