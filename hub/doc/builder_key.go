package doc

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
	b.note(o, name)
	if o.count > 0 {
		b.src = append(b.src, ',')
	}
	o.count++
	start := len(b.src) + 1
	b.src = appendQuoted(b.src, name)
	b.key = keySpan{start: uint32(start), len: uint32(len(b.src) - 1 - start)}
	if int(b.key.len) != len(name) {
		b.key.flag = flagKeyEsc
		o.flags |= flagAnyEsc
	}
	b.src = append(b.src, ':')
	b.keyed = true
}

// note marks the object if it has the key already.
func (b *Builder) note(o *openNode, name string) {
	if o.repeated {
		return
	}
	if o.keys.n == keySetSmall && o.keys.index == nil {
		o.keys.grow()
		for key := range b.keysOf(o) {
			o.keys.index[key] = 0
		}
	}
	bit := keyBit(name)
	if o.keys.maybe(bit) {
		if o.keys.index != nil {
			_, o.repeated = o.keys.index[name]
		} else {
			for key := range b.keysOf(o) {
				o.repeated = o.repeated || key == name
			}
		}
	}
	o.keys.add(name, bit, 0)
}

// keysOf visits the keys of an object that is still open.
func (b *Builder) keysOf(o *openNode) func(func(string) bool) {
	return func(yield func(string) bool) {
		t := tape{src: b.src, nodes: b.nodes}
		for j := int(o.at) + 1; j < len(b.nodes); j = int(b.nodes[j].next) {
			if !yield(t.keyOf(&b.nodes[j])) {
				return
			}
		}
	}
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
