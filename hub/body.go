package hub

import (
	"sync/atomic"

	"orderhub/hub/doc"
)

// Body is the immutable content of a message: bytes, a decoded document, or
// both. Each is made from the other on demand, once, and shared by all copies
// of the message. The zero Body is empty.
type Body struct{ b *content }

type content struct {
	raw     atomic.Pointer[[]byte]
	decoded atomic.Pointer[decoded]
}

type decoded struct {
	value doc.Value
	err   error
}

// NewBody is a body of bytes. The caller must not change raw afterwards.
func NewBody(raw []byte) Body {
	b := &content{}
	b.raw.Store(&raw)
	return Body{b}
}

// DocumentBody is a body that is already decoded.
func DocumentBody(v doc.Value) Body {
	b := &content{}
	b.decoded.Store(&decoded{value: v})
	return Body{b}
}

// Bytes is the body as bytes; a decoded document becomes JSON.
func (b Body) Bytes() []byte {
	if b.b == nil {
		return nil
	}
	if p := b.b.raw.Load(); p != nil {
		return *p
	}
	v := b.b.decoded.Load().value
	raw := v.Source()
	if raw == nil {
		raw = v.JSON()
	}
	b.b.raw.Store(&raw)
	return raw
}

// Doc is the body as a document, decoded strictly and at most once. The error
// is a *doc.SyntaxError; an empty body is an error too.
func (b Body) Doc() (doc.Value, error) {
	if b.b == nil {
		return doc.Value{}, &doc.SyntaxError{Code: "empty_body", Line: 1, Col: 1, Detail: "the body is empty"}
	}
	if d := b.b.decoded.Load(); d != nil {
		return d.value, d.err
	}
	v, err := doc.Parse(*b.b.raw.Load())
	d := &decoded{value: v, err: err}
	if !b.b.decoded.CompareAndSwap(nil, d) {
		d = b.b.decoded.Load()
	}
	return d.value, d.err
}

// Len is the number of bytes.
func (b Body) Len() int { return len(b.Bytes()) }
