package doc

import (
	"slices"
	"strings"
)

// Builder writes a document: it appends JSON text and tape nodes together, so the result is already decoded. The zero Builder is ready. It
// can be used again after Done or Reset; it is not for concurrent use. Calls out of order (a value without its Key inside an object, an End
// without its Begin) are bugs and panic.
type Builder struct {
	src   []byte
	nodes []node
	open  []openNode
	key   keySpan
	keyed bool
	again bool // a document was made before: this Builder keeps its room, and gives copies out
}

// keepRoom is how many bytes a Builder keeps for the next document, text and nodes each.
const keepRoom = 128 << 10

// openNode is an object or array that is not ended.
type openNode struct {
	at       uint32
	kind     Kind
	repeated bool
	named    bool // its keys are written by KeyName
	flags    uint32
	count    int
	keys     keySet
}

// BeginObject opens an object.
func (b *Builder) BeginObject() { b.begin('{', Object) }

// BeginArray opens an array.
func (b *Builder) BeginArray() { b.begin('[', Array) }

// EndObject closes the object that was opened last. Of fields with the same key the last value stays, at the place of the first.
func (b *Builder) EndObject() {
	o := b.end('}', Object)
	if o.repeated {
		b.rewrite(o.at)
	}
}

// EndArray closes the array that was opened last.
func (b *Builder) EndArray() { b.end(']', Array) }

// Len returns the bytes written so far.
func (b *Builder) Len() int { return len(b.src) }

// Reset drops what was written since Done.
func (b *Builder) Reset() {
	b.open, b.keyed, b.key = b.open[:0], false, keySpan{}
	if b.roomy() {
		b.src, b.nodes = nil, nil
	}
	b.src, b.nodes = b.src[:0], b.nodes[:0]
}

// Done returns the document, Missing if nothing was written, and starts the next one.
func (b *Builder) Done() Value {
	if len(b.open) > 0 {
		panic("doc: Builder.Done inside an open " + b.open[len(b.open)-1].kind.String())
	}
	if len(b.nodes) == 0 {
		return Value{}
	}
	if len(b.src) > maxSource {
		panic("doc: Builder: a document of more than 2 GiB")
	}
	t := b.handOver()
	b.again = true
	return t.value(0)
}

// roomy reports whether the room is too much to be kept.
func (b *Builder) roomy() bool { return cap(b.src) > keepRoom || cap(b.nodes) > keepRoom/nodeSize }

// handOver makes the tape. A Builder that is used once gives its room away; one that is used again keeps it, if it is not too much, so that
// a document has no more memory than it needs and none is written twice.
func (b *Builder) handOver() *tape {
	if b.again && !b.roomy() {
		t := &tape{src: slices.Clone(b.src), nodes: slices.Clone(b.nodes)}
		b.src, b.nodes = b.src[:0], b.nodes[:0]
		return t
	}
	t := &tape{src: b.src, nodes: b.nodes}
	b.src, b.nodes = nil, nil
	return t
}

// place writes the comma before a value if there must be one, and counts it.
func (b *Builder) place() {
	switch {
	case b.keyed:
		b.keyed = false // Key wrote the comma and counted
	case len(b.open) == 0:
		if len(b.nodes) > 0 {
			panic("doc: Builder: a second document")
		}
		if b.src == nil {
			b.src, b.nodes = make([]byte, 0, 256), make([]node, 0, 12)
		}
	default:
		o := &b.open[len(b.open)-1]
		if o.kind == Object {
			panic("doc: Builder: a value without its Key in an object")
		}
		if o.count > 0 {
			b.src = append(b.src, ',')
		}
		o.count++
	}
}

func (b *Builder) begin(bracket byte, kind Kind) {
	b.place()
	at := uint32(len(b.nodes))
	b.leaf(len(b.src), uint32(kind))
	b.src = append(b.src, bracket)
	b.open = append(b.open, openNode{at: at, kind: kind})
}

func (b *Builder) end(bracket byte, kind Kind) openNode {
	if len(b.open) == 0 || b.open[len(b.open)-1].kind != kind || b.keyed {
		panic("doc: Builder: an " + kind.String() + " is ended that is not open, or after a Key without value")
	}
	o := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	b.src = append(b.src, bracket)
	n := &b.nodes[o.at]
	n.end = uint32(len(b.src))
	n.next = uint32(len(b.nodes))
	n.info |= o.flags | uint32(o.count)<<countShift
	return o
}

// leaf adds a node that starts at start and ends with the text written so far, with the key that was given last.
func (b *Builder) leaf(start int, info uint32) {
	b.nodes = append(b.nodes, node{start: uint32(start), end: uint32(len(b.src)), next: uint32(len(b.nodes)) + 1,
		key: b.key.start, keyLen: b.key.len, info: info | b.key.flag})
	b.key = keySpan{}
}

// Key writes the key of the next value; only inside an object.
func (b *Builder) Key(name string) {
	if len(b.open) == 0 || b.keyed || b.open[len(b.open)-1].kind != Object {
		panic("doc: Builder: Key outside an object")
	}
	o := &b.open[len(b.open)-1]
	if o.named {
		panic("doc: Builder: Key after KeyName")
	}
	name = validText(name)
	if !o.repeated && !o.keys.fresh(name) { // else the object is rewritten at its end
		o.repeated = o.keys.repeated(name, &tape{src: b.src, nodes: b.nodes}, o.at)
	}
	if o.count > 0 {
		b.src = append(b.src, ',')
	}
	o.count++
	o.flags |= b.quoteKey(name)
	b.keyed = true
}

// quoteKey writes a key with its colon, and returns flagAnyEsc if it has escapes.
func (b *Builder) quoteKey(name string) (flags uint32) {
	start := len(b.src) + 1
	b.src = appendQuoted(b.src, name)
	b.key = keySpan{start: uint32(start), len: uint32(len(b.src) - 1 - start)}
	if int(b.key.len) != len(name) {
		b.key.flag, flags = flagKeyEsc, flagAnyEsc
	}
	b.src = append(b.src, ':')
	return flags
}

// Name is a key that is ready to be written: made once, for a key that many documents have.
type Name struct {
	text string // ,"total": with its comma, which a first field leaves out
	size uint32 // bytes between the quotes
	flag uint32 // flagKeyEsc or 0
	name string
}

// NewName makes a Name of a key. Bytes that are not UTF-8 become U+FFFD, as in every string.
func NewName(key string) *Name {
	key = validText(key)
	quoted := string(appendQuoted(nil, key))
	n := &Name{text: "," + quoted + ":", size: uint32(len(quoted) - 2), name: strings.Clone(key)}
	if len(quoted)-2 != len(key) {
		n.flag = flagKeyEsc
	}
	return n
}

// String returns the key.
func (n *Name) String() string { return n.name }

// KeyName is Key for a Name. The caller vouches that the names of an object are distinct: nothing is checked. Inside one object all keys
// are written by KeyName, or all by Key.
func (b *Builder) KeyName(name *Name) {
	if len(b.open) == 0 || b.keyed {
		panic("doc: Builder: Key outside an object")
	}
	o := &b.open[len(b.open)-1]
	if o.kind != Object || o.count > 0 && !o.named {
		panic("doc: Builder: KeyName outside an object, or after Key")
	}
	text := name.text
	if o.count == 0 {
		text = text[1:]
	}
	b.src = append(b.src, text...)
	b.key = keySpan{start: uint32(len(b.src)) - name.size - 2, len: name.size, flag: name.flag}
	o.flags |= name.flag << 1 // flagKeyEsc of a field is flagAnyEsc of the object
	o.count++
	o.named, b.keyed = true, true
}

// rewrite writes the object at again with its keys made distinct.
func (b *Builder) rewrite(at uint32) {
	var old Builder
	old.copy(&tape{src: b.src, nodes: b.nodes}, at)
	object := ObjectOf(copyFields(old.Done(), 0))
	n := b.nodes[at]
	b.src, b.nodes = b.src[:n.start], b.nodes[:at]
	b.key = keySpan{start: n.key, len: n.keyLen, flag: n.info & flagKeyEsc}
	b.write(object)
}
