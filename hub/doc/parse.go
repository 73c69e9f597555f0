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
	return refuse(p.src, i, code, detail)
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
