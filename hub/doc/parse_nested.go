package doc

import "strconv"

// keySpan is where a field's key stands in the text, its quotes excluded.
type keySpan struct {
	start, len uint32
	flag       uint32 // flagKeyEsc or 0
}

// leaf adds the node of a scalar.
func (p *parser) leaf(start, end int, key keySpan, info uint32) {
	p.nodes = append(p.nodes, node{start: uint32(start), end: uint32(end), next: uint32(len(p.nodes)) + 1,
		key: key.start, keyLen: key.len, info: info | key.flag})
}

// open adds the node of an object or array, to be closed by close.
func (p *parser) open(start int, key keySpan, kind Kind, room int) (uint32, *SyntaxError) {
	if room <= 0 {
		return 0, p.refuse(start, CodeTooDeep, "nested deeper than "+strconv.Itoa(p.depth)+" levels")
	}
	at := uint32(len(p.nodes))
	p.leaf(start, start, key, uint32(kind))
	return at, nil
}

// close completes the node at with its end in the text and its count; everything added since is its subtree.
func (p *parser) close(at uint32, end, count int, flags uint32) {
	n := &p.nodes[at]
	n.end = uint32(end)
	n.next = uint32(len(p.nodes))
	n.info |= flags | uint32(count)<<countShift
}

func (p *parser) array(i int, key keySpan, room int) (int, *SyntaxError) {
	at, err := p.open(i, key, Array, room)
	if err != nil {
		return 0, err
	}
	i = p.space(i + 1)
	if i < len(p.src) && p.src[i] == ']' {
		p.close(at, i+1, 0, 0)
		return i + 1, nil
	}
	for count := 1; ; count++ {
		if i, err = p.value(i, keySpan{}, room-1); err != nil {
			return 0, err
		}
		i = p.space(i)
		switch {
		case i < len(p.src) && p.src[i] == ',':
			i = p.space(i + 1)
		case i < len(p.src) && p.src[i] == ']':
			p.close(at, i+1, count, 0)
			return i + 1, nil
		default:
			return 0, p.unexpected(i, "',' or ']' after an element")
		}
	}
}

func (p *parser) object(i int, key keySpan, room int) (int, *SyntaxError) {
	at, err := p.open(i, key, Object, room)
	if err != nil {
		return 0, err
	}
	i = p.space(i + 1)
	if i < len(p.src) && p.src[i] == '}' {
		p.close(at, i+1, 0, 0)
		return i + 1, nil
	}
	var keys keySet
	var flags uint32
	for {
		var k keySpan
		if k, i, err = p.key(i, at, &keys); err != nil {
			return 0, err
		}
		flags |= k.flag
		if i, err = p.value(i, k, room-1); err != nil {
			return 0, err
		}
		i = p.space(i)
		switch {
		case i < len(p.src) && p.src[i] == ',':
			i = p.space(i + 1)
		case i < len(p.src) && p.src[i] == '}':
			p.close(at, i+1, keys.n, flags<<1) // flagKeyEsc of a field is flagAnyEsc of the object
			return i + 1, nil
		default:
			return 0, p.unexpected(i, "',' or '}' after a field")
		}
	}
}

// key scans a key and its colon, and returns the place of the value. It refuses a key that the object at has already.
func (p *parser) key(i int, at uint32, keys *keySet) (keySpan, int, *SyntaxError) {
	if i >= len(p.src) || p.src[i] != '"' {
		return keySpan{}, 0, p.unexpected(i, "a key in quotes")
	}
	end, escaped, err := p.text(i + 1)
	if err != nil {
		return keySpan{}, 0, err
	}
	k := keySpan{start: uint32(i + 1), len: uint32(end - i - 1)}
	name := viewOf(p.src[i+1 : end])
	if escaped {
		k.flag = flagKeyEsc
		name = unescape(p.src[i+1 : end])
	}
	bit := keyBit(name)
	if keys.maybe(bit) && p.hasKey(at, name, keys) {
		return k, 0, p.refuse(i, CodeDuplicateKey, "duplicate key "+cut(name))
	}
	if keys.n == keySetSmall {
		p.indexKeys(at, keys)
	}
	keys.add(name, bit, 0)
	if i = p.space(end + 1); i >= len(p.src) || p.src[i] != ':' {
		return k, 0, p.unexpected(i, "':' after a key")
	}
	return k, p.space(i + 1), nil
}

// hasKey reports whether a field since the object's node has the name.
func (p *parser) hasKey(at uint32, name string, keys *keySet) bool {
	if keys.index != nil {
		_, ok := keys.index[name]
		return ok
	}
	t := tape{src: p.src, nodes: p.nodes}
	for j := int(at) + 1; j < len(p.nodes); j = int(p.nodes[j].next) {
		if t.keyOf(&p.nodes[j]) == name {
			return true
		}
	}
	return false
}

func (p *parser) indexKeys(at uint32, keys *keySet) {
	keys.grow()
	t := tape{src: p.src, nodes: p.nodes}
	for j := int(at) + 1; j < len(p.nodes); j = int(p.nodes[j].next) {
		keys.index[t.keyOf(&p.nodes[j])] = 0
	}
}
