package xml

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"orderhub/hub/doc"
)

// decoder reads elements. The scan checks the text and lists what it finds as
// nodes; when an element is complete, its document is built of them. It is used
// again for the next document, and is not for concurrent use.
type decoder struct {
	*format
	src       []byte
	more      bool // src may go on: that it ends is no flaw yet
	converted bool // src was in another encoding: U+FFFD stands for bytes that are no text in it

	nodes []node // nodes[0] is none
	arena []byte // texts and values of attributes, as they are meant
	open  []opened
	scope []binding // namespaces that are declared, the innermost last
	attrs []attribute
	solid bool   // the text at hand is more than the white space of a layout
	word  []byte // the name at hand
	keys  map[string]*key

	builder
}

// node is an element, an attribute or a text.
type node struct {
	key         *key  // field of the document; nil: a text
	first, next int32 // the first child, the next sibling; 0: none
	twin        int32 // element: the next sibling of the same name
	span              // the text, or the value of an attribute; element: from is its start tag in src
	kind        kind
	again       bool // element: a sibling before it has the same name
}

// span is where a text is in the arena.
type span struct{ from, to int32 }

type kind uint8

const (
	isElement kind = iota
	isAttribute
	isCharacters
)

// opened is an element whose end tag has not come yet.
type opened struct {
	raw        []byte // its name as written
	key        *key
	node, last int32 // the element and its last child
	scope      int   // the bindings around it
	preserve   bool  // xml:space
}

// attribute is one of the start tag at hand.
type attribute struct {
	raw []byte
	at  int
	span
	key *key
	uri string
}

// flaw is what is wrong with the text at a place.
type flaw struct {
	at           int
	code, detail string
	cut          bool // the text ends there: more of it may be right
}

func bad(at int, format string, args ...any) *flaw {
	return &flaw{at: at, code: CodeBadXML, detail: fmt.Sprintf(format, args...)}
}

// unexpected is the flaw of the byte at i, where something else was expected.
func (d *decoder) unexpected(i int, expected string) *flaw {
	if i < len(d.src) {
		r, _ := utf8.DecodeRune(d.src[i:])
		return bad(i, "expected %s, found %s", expected, strconv.QuoteRune(r))
	}
	f := bad(i, "expected %s, found the end of the document", expected)
	if len(d.open) > 0 {
		f.detail += fmt.Sprintf(": <%s> is not closed", d.open[len(d.open)-1].raw)
	}
	f.cut = d.more
	return f
}

// newDecoder makes a decoder with nothing to read.
func newDecoder(f *format) *decoder {
	d := &decoder{format: f, keys: map[string]*key{}, nodes: make([]node, 1, 64), scope: []binding{{prefix: "xml", uri: nsXML, to: "xml"}}}
	return d
}

// release gives the decoder back to its format, without what it has read.
func (d *decoder) release() {
	d.reset()
	clear(d.open[:cap(d.open)])
	clear(d.attrs[:cap(d.attrs)])
	d.src, d.open, d.scope = nil, d.open[:0], d.scope[:1]
	if cap(d.nodes) < 64<<10 && cap(d.arena) < 1<<20 {
		d.idle.Put(d)
	}
}

// reset forgets the nodes.
func (d *decoder) reset() {
	const manyKeys = 4096
	if len(d.keys) > manyKeys {
		d.keys = map[string]*key{}
	}
	d.nodes = d.nodes[:1]
	d.nodes[0] = node{}
	d.arena = d.arena[:0]
	if n := len(d.open); n > 0 {
		d.open[n-1].node, d.open[n-1].last = 0, 0
	}
}

// whole reads a document.
func (d *decoder) whole(src []byte, converted bool) (doc.Value, *flaw) {
	d.reset()
	d.src, d.converted, d.more = src, converted, false
	if at := doc.NotUTF8(src); at >= 0 {
		return doc.Value{}, notUTF8(src, at)
	}
	i, f := d.prolog(0)
	if f == nil {
		if i, f = d.element(i); f == nil {
			f = d.epilog(i)
		}
	}
	if f != nil {
		return doc.Value{}, f
	}
	return d.document(1)
}

// prolog reads what stands before the root, and returns the place of its start tag.
func (d *decoder) prolog(i int) (int, *flaw) {
	if len(bytes.TrimLeft(d.src, " \t\r\n")) == 0 && !d.more {
		return 0, &flaw{code: doc.CodeEmptyBody, detail: "the document is empty"}
	}
	i, f := d.declaration(i)
	if f != nil {
		return 0, f
	}
	if i, f = d.between(i); f != nil {
		return 0, f
	}
	if i == len(d.src) || d.src[i] != '<' {
		return 0, d.unexpected(i, "the root element")
	}
	return i, nil
}

// epilog reads what stands behind the root, to the end.
func (d *decoder) epilog(i int) *flaw {
	i, f := d.between(i)
	if f == nil && i < len(d.src) {
		f = d.unexpected(i, "nothing behind the root element")
	}
	return f
}

// between reads white space, comments and processing instructions outside the root.
func (d *decoder) between(i int) (int, *flaw) {
	for {
		i = d.space(i)
		if i+1 >= len(d.src) || d.src[i] != '<' || d.src[i+1] != '!' && d.src[i+1] != '?' {
			return i, nil
		}
		var f *flaw
		if i, f = d.markup(i); f != nil {
			return 0, f
		}
	}
}

// element reads the element whose start tag is at i, with all that is in it.
func (d *decoder) element(i int) (int, *flaw) {
	outer := len(d.open)
	i, f := d.startTag(i)
	if f != nil {
		return 0, f
	}
	return d.rest(i, outer)
}

// rest reads what follows at i until only that many elements are open.
func (d *decoder) rest(i, outer int) (_ int, f *flaw) {
	for f == nil && len(d.open) > outer {
		if i, f = d.content(i); f != nil {
			break
		}
		if d.src[i+1] == '/' {
			i, f = d.endTag(i)
		} else {
			i, f = d.startTag(i)
		}
	}
	return i, f
}
