package doc

import (
	"unsafe"
)

// tape is a decoded document: its text and its nodes in document order. It never changes once a Value points to it.
type tape struct {
	src   []byte
	nodes []node
}

// node is one value of a document. Fields of an object carry their key.
type node struct {
	start, end uint32 // the span in the text, quotes and brackets included
	next       uint32 // index of the node after this subtree: the next sibling, if there is one
	key        uint32 // where the key's text starts, after its quote
	keyLen     uint32 // bytes of the key as written
	info       uint32 // kind (3 bits), flags (3 bits), elements or fields (26 bits)
}

const (
	kindMask   = 7
	flagEscape = 1 << 3 // a string with escapes
	flagKeyEsc = 1 << 4 // the node's key has escapes
	flagAnyEsc = 1 << 5 // an object one of whose keys has escapes
	countShift = 6
	maxNodes   = 1<<(32-countShift) - 1
	maxSource  = 1<<31 - 1
	nodeSize   = 24 // bytes
)

func (n *node) count() int { return int(n.info >> countShift) }
func (t *tape) value(i uint32) Value {
	return Value{ref: unsafe.Pointer(t), n: int64(i), kind: onTape | tag(t.nodes[i].info&kindMask)}
}

// view returns the text from start to end, with no copy.
func (t *tape) view(start, end uint32) string {
	return View(t.src[start:end])
}

// View is b as a string, with no copy: for who reads it before b changes.
func View(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// str returns the content of a string node.
func (t *tape) str(n *node) string {
	if n.info&flagEscape != 0 {
		return unescape(t.src[n.start+1 : n.end-1])
	}
	return t.view(n.start+1, n.end-1)
}

// keyOf returns the key of a field.
func (t *tape) keyOf(n *node) string {
	if n.info&flagKeyEsc != 0 {
		return unescape(t.src[n.key : n.key+n.keyLen])
	}
	return t.view(n.key, n.key+n.keyLen)
}

// field returns the index of the field with that name in the object at i, 0 if there is none (no field is the root).
func (t *tape) field(i uint32, name string) uint32 {
	nodes := t.nodes
	obj := &nodes[i]
	if obj.info&flagAnyEsc != 0 {
		return t.fieldEscaped(i, name)
	}
	first := byte('"') // behind an empty key
	if name != "" {
		first = name[0]
	}
	for j := i + 1; j < obj.next; {
		n := &nodes[j]
		if int(n.keyLen) == len(name) && t.src[n.key] == first && string(t.src[n.key:n.key+n.keyLen]) == name {
			return j
		}
		j = n.next
	}
	return 0
}

func (t *tape) fieldEscaped(i uint32, name string) uint32 {
	for j := i + 1; j < t.nodes[i].next; j = t.nodes[j].next {
		if t.keyOf(&t.nodes[j]) == name {
			return j
		}
	}
	return 0
}

// elem returns the index of element k of the array at i; k is in range.
func (t *tape) elem(i uint32, k int) uint32 {
	arr := &t.nodes[i]
	j := i + 1
	if int(arr.next-j) == arr.count() { // scalars only
		return j + uint32(k)
	}
	for ; k > 0; k-- {
		j = t.nodes[j].next
	}
	return j
}
