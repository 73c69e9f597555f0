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
	document bool // made of value; else of raw
	both     atomic.Bool
	mu       sync.Mutex
	raw      []byte
	value    doc.Value
	err      error // raw is no document
}

// NewBody is a body of bytes. The caller must not change raw afterwards.
func NewBody(raw []byte) Body { return Body{&content{raw: raw}} }

// DocumentBody is a body that is already decoded.
func DocumentBody(v doc.Value) Body { return Body{&content{document: true, value: v}} }

// Bytes is the body as bytes; a decoded document becomes JSON.
func (b Body) Bytes() []byte {
	switch {
	case b.b == nil:
		return nil
	case b.b.document && !b.b.both.Load():
		if src := b.b.value.Source(); src != nil { // of a node, with no copy
			return src
		}
		b.b.complete()
	}
	return b.b.raw
}

// Doc is the body as a document, decoded strictly and at most once. The error
// is a *doc.SyntaxError; an empty body is an error too.
func (b Body) Doc() (doc.Value, error) {
	if b.b == nil {
		return doc.Value{}, &doc.SyntaxError{Code: "empty_body", Line: 1, Col: 1, Detail: "the body is empty"}
	}
	if !b.b.document && !b.b.both.Load() {
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
	case c.document:
		c.raw = c.value.JSON()
	default:
		c.value, c.err = doc.Parse(c.raw)
	}
	c.both.Store(true)
}

// Len is the number of bytes.
func (b Body) Len() int { return len(b.Bytes()) }
