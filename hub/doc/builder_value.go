package doc

// Str writes a string.
func (b *Builder) Str(s string) { b.Value(StringValue(s)) }

// Num writes a number.
func (b *Builder) Num(d Decimal) { b.Value(NumberValue(d)) }

// Bool writes a bool.
func (b *Builder) Bool(x bool) { b.Value(BoolValue(x)) }

// Null writes null.
func (b *Builder) Null() { b.Value(NullValue()) }

// Value writes any value; Missing is null. Of parsed and built nodes the bytes and nodes are copied, with no parse.
func (b *Builder) Value(v Value) {
	b.place()
	b.write(v)
}

// write writes the value at a place that is made.
func (b *Builder) write(v Value) {
	if v.isNode() {
		b.copy(v.tape(), uint32(v.n))
		return
	}
	start, kind := len(b.src), v.Kind()
	if kind >= Array {
		b.nested(v)
		return
	}
	b.src = v.AppendJSON(b.src)
	info := uint32(max(kind, Null))
	if kind == String && len(b.src)-start != int(v.n)+2 {
		info |= flagEscape
	}
	b.leaf(start, info)
}

// nested writes a computed array or object. The names of computed objects are distinct, so nothing is checked.
func (b *Builder) nested(v Value) {
	at := len(b.nodes)
	b.leaf(len(b.src), uint32(v.kind))
	flags := uint32(0)
	if v.Kind() == Array {
		b.src = append(b.src, '[')
		for i, e := range v.list() {
			if i > 0 {
				b.src = append(b.src, ',')
			}
			b.write(e)
		}
		b.src = append(b.src, ']')
	} else {
		flags = b.fields(v.fields())
	}
	n := &b.nodes[at]
	n.end, n.next = uint32(len(b.src)), uint32(len(b.nodes))
	n.info |= flags | uint32(v.n)<<countShift
}

// fields writes the fields with their braces, and returns flagAnyEsc if a key has escapes.
func (b *Builder) fields(fields []Field) (flags uint32) {
	b.src = append(b.src, '{')
	for i := range fields {
		if i > 0 {
			b.src = append(b.src, ',')
		}
		flags |= b.quoteKey(fields[i].Name)
		b.write(fields[i].Value)
	}
	b.src = append(b.src, '}')
	return flags
}

// copy appends the subtree at i of another tape, with its offsets shifted.
func (b *Builder) copy(t *tape, i uint32) {
	root := &t.nodes[i]
	start := len(b.src)
	b.src = append(b.src, t.src[root.start:root.end]...)
	if root.next == i+1 {
		b.leaf(start, root.info&^flagKeyEsc)
		return
	}
	text := uint32(start) - root.start // wraps around; so does the sum
	from := len(b.nodes)
	step := uint32(from) - i
	b.nodes = append(b.nodes, t.nodes[i:root.next]...)
	copied := b.nodes[from:]
	for j := range copied {
		n := &copied[j]
		n.start += text
		n.end += text
		n.key += text
		n.next += step
	}
	n := &copied[0]
	n.key, n.keyLen, n.info = b.key.start, b.key.len, n.info&^flagKeyEsc|b.key.flag
	b.key = keySpan{}
}
