package doc

import "strings"

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
