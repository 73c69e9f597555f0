package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"
	"sync"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// Index finds the values in messages that people look for them by. The store keeps a keyed hash of each value, never the value:
// what is secret or personal can be found by who knows it, and by nobody read.
type Index struct {
	Paths  []string  // customer.email, items.sku (of each item), headers.partner
	hashes sync.Pool // of hash.Hash, with the key
}

// Bounds of what is indexed of the messages of a unit.
const (
	maxTerms = 128 // values
	maxValue = 256 // bytes of a value: a longer one is not indexed
)

// NewIndex is an index of the paths. Who has the key can find out which values were indexed by trying them.
func NewIndex(key []byte, paths []string) *Index {
	return &Index{Paths: paths, hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// Term is what a value at a path is found by. Case, and spaces around it, make no difference.
func (x *Index) Term(path, value string) int64 {
	h := x.hashes.Get().(hash.Hash)
	defer x.hashes.Put(h)
	h.Reset()
	h.Write([]byte(path + "\x00" + strings.ToLower(strings.TrimSpace(value))))
	var sum [sha256.Size]byte
	return int64(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

// note adds to u the terms of what it puts, and of the message from outside that it handles (else nil). What its input is
// found by already is left out: so each value is indexed once on the way of a message.
func (x *Index) note(u *hub.Unit, outside *hub.Message) {
	if x == nil || len(x.Paths) == 0 || len(u.History) == 0 {
		return
	}
	handled := outside
	if u.Input != nil {
		handled = u.Input.Msg
	}
	terms := x.terms(nil, outside)
	other := func(m *hub.Message) {
		if m != nil && (handled == nil || m.Body != handled.Body) {
			terms = x.terms(terms, m)
		}
	}
	for i := range u.Puts {
		other(u.Puts[i].Msg)
	}
	for i := range u.Sends {
		other(u.Sends[i].Msg)
	}
	if len(terms) == 0 {
		return
	}
	var known []int64
	if u.Input != nil {
		known = x.terms(nil, handled)
	}
	slices.Sort(terms)
	terms = slices.DeleteFunc(slices.Compact(terms), func(t int64) bool { return slices.Contains(known, t) })
	u.Terms = terms[:min(len(terms), maxTerms)]
}

// terms adds those of a message. A body that can't be read has none.
func (x *Index) terms(into []int64, m *hub.Message) []int64 {
	if m == nil {
		return into
	}
	body, err := m.Body.Doc()
	for _, path := range x.Paths {
		add := func(value string) {
			if value = strings.TrimSpace(value); value != "" && len(value) <= maxValue && len(into) < 4*maxTerms {
				into = append(into, x.Term(path, value))
			}
		}
		if name, ok := strings.CutPrefix(path, "headers."); ok {
			add(m.Headers.Get(name))
		} else if err == nil {
			leaves(body, strings.Split(path, "."), add)
		}
	}
	return into
}

// leaves calls each with the texts and numbers at the path; a list is gone through.
func leaves(v doc.Value, path []string, each func(string)) {
	switch v.Kind() {
	case doc.Array:
		for _, e := range v.Elems() {
			leaves(e, path, each)
		}
	case doc.Object:
		if len(path) > 0 {
			leaves(v.Get(path[0]), path[1:], each)
		}
	case doc.String, doc.Number:
		if len(path) == 0 {
			each(v.Text())
		}
	}
}
