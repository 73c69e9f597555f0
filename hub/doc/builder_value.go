package doc

// Str writes a string.
func (b *Builder) Str(s string) {
	b.place()
	b.str(validText(s))
}

func (b *Builder) str(s string) {
	start := len(b.src)
	b.src = appendQuoted(b.src, s)
	info := uint32(String)
	if len(b.src)-start != len(s)+2 {
		info |= flagEscape
	}
	b.leaf(start, info)
}

// Num writes a number.
func (b *Builder) Num(d Decimal) {
	b.place()
	b.num(d)
}

func (b *Builder) num(d Decimal) {
	start := len(b.src)
	b.src = d.Append(b.src)
	b.leaf(start, uint32(Number))
}

// Bool writes a bool.
func (b *Builder) Bool(x bool) {
	b.place()
	b.word(BoolValue(x))
}

// Null writes null.
func (b *Builder) Null() {
	b.place()
	b.word(NullValue())
}

func (b *Builder) word(v Value) {
	start := len(b.src)
	b.src = v.AppendJSON(b.src)
	b.leaf(start, uint32(max(v.Kind(), Null)))
}

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
	switch v.Kind() {
	case Number:
		b.num(v.decimal())
	case String:
		b.str(v.text())
	case Array, Object:
		b.nested(v)
	default:
		b.word(v)
	}
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
