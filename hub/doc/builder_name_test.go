package doc_test

import (
	"strings"
	"testing"

	"orderhub/hub/doc"
)

// What KeyName writes is what Key writes, text and nodes.
func TestKeyName(t *testing.T) {
	keys := []string{"id", "", "ship to", "a\"b\n", "größe", "bad\xff", strings.Repeat("k", 300)}
	v := parse(t, sample)
	write := func(b *doc.Builder, key func(string)) doc.Value {
		b.BeginArray()
		for range 2 {
			b.BeginObject()
			for _, k := range keys {
				key(k)
				b.BeginObject()
				key(k)
				b.Value(v.Get("lines"))
				b.EndObject()
			}
			b.EndObject()
		}
		b.EndArray()
		return b.Done()
	}
	var plain, named doc.Builder
	want := write(&plain, plain.Key)
	for range 3 {
		got := write(&named, func(k string) { named.KeyName(doc.NewName(k)) })
		if string(got.Source()) != string(want.Source()) {
			t.Fatalf("got %s\nwant %s", got.Source(), want.Source())
		}
		for _, k := range keys {
			k = strings.ToValidUTF8(k, "\uFFFD")
			if n := doc.NewName(k); n.String() != k {
				t.Errorf("name %q is %q", k, n)
			}
			if f := got.At(1).Get(k).Get(k); !doc.Equal(f, v.Get("lines")) {
				t.Errorf("field %q: got %s", k, f)
			}
		}
	}
}

// A Builder that is used again keeps its room: no document changes when the next one is written, not even after a large one.
func TestBuilderIsUsedAgain(t *testing.T) {
	var b doc.Builder
	text := func(i, size int) string { return strings.Repeat(string(rune('a'+i)), size) }
	sizes := []int{10, 3, 400, 0, 300_000, 5, 70}
	var made []doc.Value
	for i, size := range sizes {
		b.BeginArray()
		for range size / 100 {
			b.Null()
		}
		b.Str(text(i, size))
		b.EndArray()
		made = append(made, b.Done())
		b.BeginArray()
		b.Str("dropped")
		b.Reset()
	}
	for i, size := range sizes {
		if got := made[i]; got.Len() != size/100+1 || got.At(-1).Str() != text(i, size) || !doc.Equal(got, parse(t, string(got.Source()))) {
			t.Errorf("document %d changed: %s", i, got)
		}
	}
}
