package doc_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"orderhub/hub/doc"
)

// checkDocument checks what must hold for every text: what is accepted is JSON, reads as encoding/json reads it, and survives every copy.
func checkDocument(t interface{ Fatalf(string, ...any) }, src []byte) {
	v, err := doc.Parse(src)
	if err != nil {
		e := err.(*doc.SyntaxError)
		if e.Offset < 0 || e.Offset > len(src) || e.Line < 1 || e.Col < 1 || e.Code == "" || e.Detail == "" {
			t.Fatalf("%q: bad error %+v", src, e)
		}
		return
	}
	if !json.Valid(src) {
		t.Fatalf("%q: accepted", src)
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil || !reflect.DeepEqual(v.Any(), want) {
		t.Fatalf("%q: got %#v, want %#v, %v", src, v.Any(), want, err)
	}
	computed, err := doc.FromAny(want)
	if err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	var b doc.Builder
	b.BeginArray()
	b.Value(v)
	b.Value(computed)
	b.EndArray()
	both := b.Done()
	again, err := doc.ParseLimits(both.Source(), doc.Limits{Depth: 100, Nodes: 1 << 20})
	if err != nil {
		t.Fatalf("%q: built %s: %v", src, both.Source(), err)
	}
	for _, c := range []doc.Value{computed, both.At(0), both.At(1), again.At(0), again.At(1)} {
		if !doc.Equal(v, c) || !doc.Equal(c, v) || doc.Hash(v) != doc.Hash(c) {
			t.Fatalf("%q: a copy is %s", src, c)
		}
	}
	if !bytes.Equal(both.At(0).Source(), v.Source()) {
		t.Fatalf("%q: copied as %s", src, both.At(0).Source())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{sample, string(webOrder(3)), "", "[1,2", `{"a":1,"a":2}`, `"\ud83d\ude00\ud800"`, "\xEF\xBB\xBF{}", "[-0.5e-3,1E400]",
		many(30, `"x":{}`), "[[[[]]],{}]", "\"\xff\"", " nul", "{} {}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) { checkDocument(t, src) })
}

func docGen(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Map(numberGen, func(s string) any { return json.Number(s) })}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return docGen(depth - 1) })
	return rapid.OneOf(append(scalars, rapid.SliceOfN(inner, 0, 6).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 30).AsAny())...)
}

func TestDocumentsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := docGen(3).Draw(t, "document")
		var buf bytes.Buffer
		e := json.NewEncoder(&buf)
		if rapid.Bool().Draw(t, "indent") {
			e.SetIndent("", "\t")
		}
		if err := e.Encode(x); err != nil {
			t.Fatalf("%v", err)
		}
		if _, err := doc.Parse(buf.Bytes()); err != nil {
			t.Fatalf("%s: %v", buf.Bytes(), err)
		}
		checkDocument(t, buf.Bytes())
	})
}

// Text with faults agrees with encoding/json about what is no JSON at all.
func TestFaultsAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := webOrder(rapid.IntRange(0, 50).Draw(t, "order"))
		for range rapid.IntRange(1, 3).Draw(t, "faults") {
			src[rapid.IntRange(0, len(src)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("\"\\{}[],:0-e.x \n\x00\xff\xc3")).Draw(t, "byte")
		}
		checkDocument(t, src)
	})
}
