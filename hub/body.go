package hub

import (
	"sync"
	"sync/atomic"

	"orderhub/hub/doc"
)

// Body is the immutable content of a message: bytes, a decoded document, or
// both. Each is made from the other on demand, once, and shared by all copies
// of the message. The zero Body is empty.
type Body struct{ b *content }

// content is made of one form, which never changes. The other is made under mu and read once both is set.
type content struct {
	document bool    // made of value; else of raw
	format   *Format // of raw; nil: JSON
	both     atomic.Bool
	mu       sync.Mutex
	raw      []byte
	value    doc.Value
	err      error // raw is no document, or value is none that the format can say
}

// NewBody is a body of bytes in JSON. The caller must not change raw afterwards.
func NewBody(raw []byte) Body { return Body{&content{raw: raw}} }

// DocumentBody is a body that is already decoded; its bytes are JSON.
func DocumentBody(v doc.Value) Body { return Body{&content{document: true, value: v}} }

// In is b with its bytes read in a format, or, where b is a document, to be written in it; nil: JSON.
func (b Body) In(f *Format) Body {
	if b.b == nil || b.b.format == f {
		return b
	}
	return Body{&content{document: b.b.document, raw: b.b.source(), value: b.b.value, format: f}}
}

// source is raw, where that is what the content was made of.
func (c *content) source() []byte {
	if c.document {
		return nil
	}
	return c.raw
}

// Format is the one of the bytes; nil: JSON.
func (b Body) Format() *Format {
	if b.b == nil {
		return nil
	}
	return b.b.format
}

// IsEmpty tells that there is neither a byte nor a document.
func (b Body) IsEmpty() bool { return b.b == nil || !b.b.document && len(b.b.raw) == 0 }

// IsDocument tells that the body was made of a document: no bytes have come from outside.
func (b Body) IsDocument() bool { return b.b != nil && b.b.document }

// Bytes is the body as bytes, empty where its format can't say the document: see Encode.
func (b Body) Bytes() []byte {
	raw, _ := b.Encode()
	return raw
}

// Encode is the body as bytes. The error is that of Format.Encode.
func (b Body) Encode() ([]byte, error) {
	switch {
	case b.b == nil:
		return nil, nil
	case !b.b.document:
		return b.b.raw, nil
	case !b.b.both.Load():
		if src := b.b.value.Source(); src != nil && b.b.format == nil { // of a node, with no copy
			return src, nil
		}
		b.b.complete()
	}
	return b.b.raw, b.b.err
}

// Doc is the body as a document, decoded strictly and at most once. The error
// is a *doc.SyntaxError, or what a format says (see Format.Decode); an empty body is an error too.
func (b Body) Doc() (doc.Value, error) {
	switch {
	case b.b == nil:
		return doc.Value{}, &doc.SyntaxError{Code: "empty_body", Line: 1, Col: 1, Detail: "the body is empty"}
	case b.b.document:
		return b.b.value, nil
	case !b.b.both.Load():
		b.b.complete()
	}
	return b.b.value, b.b.err
}

// complete makes the other form.
func (c *content) complete() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.both.Load():
		return
	case c.document && c.format == nil:
		c.raw = c.value.JSON()
	case c.document:
		c.raw, c.err = c.format.Encode(c.value)
	case c.format == nil:
		c.value, c.err = doc.Parse(c.raw)
	default:
		c.value, c.err = c.format.Decode(c.raw)
	}
	c.both.Store(true)
}

// Len is the number of bytes.
func (b Body) Len() int { return len(b.Bytes()) }
