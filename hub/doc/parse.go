package doc

import (
	"bytes"
	"cmp"
	"strconv"
)

// Limits bounds a document. Zero fields mean the defaults.
type Limits struct {
	Depth int // objects and arrays inside each other; 64
	Nodes int // values in the document; 100,000
}

const (
	defaultDepth = 64
	defaultNodes = 100_000
	maxDepth     = 10_000 // the scan recurses
)

// Parse decodes one JSON document, strictly, with the default limits. The Value keeps src: the caller must not change it any more. The
// error is always a *SyntaxError.
func Parse(src []byte) (Value, error) { return ParseLimits(src, Limits{}) }

// ParseLimits is Parse with other limits.
func ParseLimits(src []byte, l Limits) (Value, error) {
	p := parser{
		src:   src,
		depth: min(cmp.Or(l.Depth, defaultDepth), maxDepth),
		limit: min(cmp.Or(l.Nodes, defaultNodes), maxNodes),
	}
	if err := p.document(); err != nil {
		return Value{}, err
	}
	t := &tape{src: src, nodes: p.nodes}
	return t.value(0), nil
}

// parser is one validating scan. The methods take and return the place in the text; they fill nodes as they go.
type parser struct {
	src          []byte
	nodes        []node
	depth, limit int
}

func (p *parser) refuse(i int, code, detail string) *SyntaxError {
	return Refuse(p.src, i, code, detail)
}

func (p *parser) document() *SyntaxError {
	if len(p.src) > maxSource {
		return p.refuse(0, CodeTooComplex, "a document of "+strconv.Itoa(len(p.src))+" bytes")
	}
	if bytes.HasPrefix(p.src, []byte("\xEF\xBB\xBF")) {
		return p.refuse(0, CodeBadJSON, "a byte order mark (BOM) before the document")
	}
	i := p.space(0)
	if i == len(p.src) {
		return p.refuse(i, CodeEmptyBody, "the document is empty")
	}
	p.nodes = make([]node, 0, min(len(p.src)/16+4, p.limit))
	i, err := p.value(i, keySpan{}, p.depth)
	if err != nil {
		return err
	}
	if i = p.space(i); i < len(p.src) {
		return p.unexpected(i, "nothing after the document")
	}
	return nil
}

func (p *parser) space(i int) int {
	for i < len(p.src) && p.src[i] <= ' ' && (p.src[i] == ' ' || p.src[i] == '\n' || p.src[i] == '\r' || p.src[i] == '\t') {
		i++
	}
	return i
}

// unexpected is the error for the byte at i, where something else was expected.
func (p *parser) unexpected(i int, expected string) *SyntaxError {
	if i < len(p.src) && p.src[i] >= 0x80 {
		if _, err := p.runes(i); err != nil && err.Offset == i {
			return err
		}
	}
	return p.refuse(i, CodeBadJSON, "expected "+expected+", found "+found(p.src, i))
}

// value scans the value at i, with the key of its field. room is how many levels may still open.
func (p *parser) value(i int, key keySpan, room int) (int, *SyntaxError) {
	if i >= len(p.src) {
		return 0, p.unexpected(i, "a value")
	}
	if len(p.nodes) >= p.limit {
		return 0, p.refuse(i, CodeTooComplex, "more than "+strconv.Itoa(p.limit)+" values")
	}
	switch c := p.src[i]; c {
	case '"':
		end, escaped, err := p.text(i + 1)
		if err != nil {
			return 0, err
		}
		info := uint32(String)
		if escaped {
			info |= flagEscape
		}
		p.leaf(i, end+1, key, info)
		return end + 1, nil
	case '{':
		return p.object(i, key, room)
	case '[':
		return p.array(i, key, room)
	case 't':
		return p.literal(i, "true", key, Bool)
	case 'f':
		return p.literal(i, "false", key, Bool)
	case 'n':
		return p.literal(i, "null", key, Null)
	default:
		if c == '-' || c-'0' <= 9 {
			return p.number(i, key)
		}
		return 0, p.unexpected(i, "a value")
	}
}

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
	name := View(p.src[i+1 : end])
	if escaped {
		k.flag = flagKeyEsc
		name = unescape(p.src[i+1 : end])
	}
	if !keys.fresh(name) && keys.repeated(name, &tape{src: p.src, nodes: p.nodes}, at) {
		return k, 0, p.refuse(i, CodeDuplicateKey, "duplicate key "+quoted(name))
	}
	if i = p.space(end + 1); i >= len(p.src) || p.src[i] != ':' {
		return k, 0, p.unexpected(i, "':' after a key")
	}
	return k, p.space(i + 1), nil
}

// literal scans true, false or null.
func (p *parser) literal(i int, want string, key keySpan, kind Kind) (int, *SyntaxError) {
	end := i + len(want)
	if end > len(p.src) || string(p.src[i:end]) != want {
		return 0, p.unexpected(i, "a value")
	}
	p.leaf(i, end, key, uint32(kind))
	return end, nil
}

// number scans a number. One that no Decimal can hold is refused here, so that Num never fails.
func (p *parser) number(i int, key keySpan) (int, *SyntaxError) {
	end, simple, want := scanNumber(p.src, i)
	if want != "" {
		return 0, p.unexpected(end, want)
	}
	if !simple {
		if _, err := ParseDecimal(View(p.src[i:end])); err != nil {
			return 0, p.refuse(i, CodeBadJSON, err.Error())
		}
	}
	p.leaf(i, end, key, uint32(Number))
	return end, nil
}

// scanNumber finds the end of the number at i. simple means no exponent and few digits. want is empty, or what was expected at end instead.
func scanNumber(b []byte, i int) (end int, simple bool, want string) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	i = digits(b, i)
	switch {
	case i == from:
		return i, false, "a digit"
	case b[from] == '0' && i > from+1:
		return from + 1, false, "no digit after a leading zero"
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = digits(b, from); i == from {
			return i, false, "a digit after the point"
		}
	}
	if i == len(b) || b[i]|0x20 != 'e' {
		return i, i-start <= 500, ""
	}
	i++
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	from = i
	if i = digits(b, from); i == from {
		return i, false, "a digit in the exponent"
	}
	return i, false, ""
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
