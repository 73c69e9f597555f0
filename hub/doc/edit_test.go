package doc_test

import (
	"strings"
	"testing"

	"orderhub/hub/doc"
)

func TestEdits(t *testing.T) {
	const src = `{"id":1.50,"c":{"n":"x","e":null},"l":[{"s":1,"t":2},{"s":3,"t":4}],"a.b":7}`
	v := parse(t, src)
	path := func(s string) []string { return strings.Split(s, ".") }
	nine := doc.IntValue(9)
	tests := []struct {
		name string
		got  doc.Value
		want string
	}{
		{"set", doc.Set(v, path("c.n"), nine), strings.Replace(src, `"x"`, "9", 1)},
		{"set new", doc.Set(v, path("c.p.q"), nine), strings.Replace(src, `null}`, `null,"p":{"q":9}}`, 1)},
		{"set in array", doc.Set(v, path("l.1.s"), nine), strings.Replace(src, `"s":3`, `"s":9`, 1)},
		{"set from the end", doc.Set(v, path("l.-1.s"), nine), strings.Replace(src, `"s":3`, `"s":9`, 1)},
		{"append", doc.Set(v, path("l.2"), nine), strings.Replace(src, `}],`, `},9],`, 1)},
		{"set beyond", doc.Set(v, path("l.7"), nine), src},
		{"set in scalar", doc.Set(v, path("id.x"), nine), strings.Replace(src, "1.50", `{"x":9}`, 1)},
		{"set in missing", doc.Set(doc.Value{}, path("x.y"), nine), `{"x":{"y":9}}`},
		{"set all", doc.Set(v, nil, nine), "9"},
		{"delete", doc.Delete(v, path("c.n")), strings.Replace(src, `"n":"x",`, "", 1)},
		{"delete elem", doc.Delete(v, path("l.0")), strings.Replace(src, `{"s":1,"t":2},`, "", 1)},
		{"delete nothing", doc.Delete(v, path("c.z")), src},
		{"pick", doc.Pick(v, []string{"c.n", "id", "zz", "id.x"}), `{"id":1.50,"c":{"n":"x"}}`},
		{"pick in array", doc.Pick(v, []string{"l.s", "a.b"}), `{"l":[{"s":1},{"s":3}],"a.b":7}`},
		{"drop", doc.Drop(v, []string{"l.t", "c", "a.b"}), `{"id":1.50,"l":[{"s":1},{"s":3}]}`},
		{"lookup", doc.Lookup(v, path("l.-1.t")), "4"},
		{"lookup nothing", doc.Lookup(v, path("l.x.t")), "null"},
		{"merge", doc.Merge(parse(t, `{"a":1,"b":2}`), parse(t, `{"c":3,"a":4}`)), `{"a":4,"b":2,"c":3}`},
		{"merge nothing", doc.Merge(v, doc.Value{}), src},
	}
	for _, tt := range tests {
		if got := string(tt.got.JSON()); got != tt.want {
			t.Errorf("%s: got %s\nwant %s", tt.name, got, tt.want)
		}
	}
	if string(v.JSON()) != src {
		t.Error("the original changed")
	}
	computed := doc.Set(v, path("c.n"), nine)
	doc.Set(computed, path("c.n"), doc.IntValue(8))
	doc.Delete(computed, path("l.0"))
	if doc.Lookup(computed, path("c.n")).Num().Cmp(doc.Int(9)) != 0 || doc.Lookup(computed, path("l")).Len() != 2 {
		t.Error("a computed original changed")
	}
}

func TestBuilder(t *testing.T) {
	v := parse(t, sample)
	var b doc.Builder
	for range 2 { // it can be used again
		b.BeginObject()
		b.Key("a\n")
		b.Value(v.Get("lines").At(1))
		b.Key("l")
		b.BeginArray()
		b.Str("x\"")
		b.Num(dec(t, "1.50"))
		b.Bool(true)
		b.Null()
		b.Value(doc.Set(v.Get("lines").At(0), []string{"sku"}, doc.Value{}))
		b.EndArray()
		b.Key("k")
		b.Value(v.Get("note"))
		b.EndObject()
		got := b.Done()
		want := `{"a\n":{"sku":"y","qty":3,"token":"t"},"l":["x\"",1.50,true,null,{"sku":null,"qty":2}],"k":"a\"b\u00e4"}`
		if string(got.Source()) != want || !doc.Equal(got, parse(t, want)) {
			t.Errorf("got %s\nwant %s", got.Source(), want)
		}
		if got.Get("a\n").Get("token").Str() != "t" || got.Get("k").Str() != "a\"bä" || got.Get("l").Len() != 5 || got.Len() != 3 {
			t.Error("the nodes are wrong")
		}
	}
	if b.Done().Kind() != doc.Missing {
		t.Error("an empty builder has a document")
	}
}

func TestBuilderRepeatedKeys(t *testing.T) {
	for _, n := range []int{1, 10, 60} {
		var b doc.Builder
		b.BeginArray()
		b.BeginObject()
		b.Key("out\t")
		b.BeginObject()
		for range 2 {
			for name, f := range parse(t, many(n, `"z":[1]`)).Fields() {
				b.Key(name)
				b.Value(f)
			}
		}
		b.EndObject()
		b.Key("next")
		b.Null()
		b.EndObject()
		b.EndArray()
		got := b.Done()
		if want := `[{"out\t":` + many(n, `"z":[1]`) + `,"next":null}]`; string(got.JSON()) != want || !doc.Equal(got, parse(t, want)) {
			t.Errorf("got %s\nwant %s", got.JSON(), want)
		}
	}
}

func TestBuilderMisusePanics(t *testing.T) {
	for name, misuse := range map[string]func(b *doc.Builder){
		"no key":          func(b *doc.Builder) { b.BeginObject(); b.Null() },
		"two keys":        func(b *doc.Builder) { b.BeginObject(); b.Key("a"); b.Key("b") },
		"open":            func(b *doc.Builder) { b.BeginArray(); b.Done() },
		"wrong end":       func(b *doc.Builder) { b.BeginArray(); b.EndObject() },
		"key alone":       func(b *doc.Builder) { b.BeginObject(); b.Key("a"); b.EndObject() },
		"a name twice":    func(b *doc.Builder) { b.BeginObject(); b.KeyName(doc.NewName("a")); b.KeyName(doc.NewName("b")) },
		"a name outside":  func(b *doc.Builder) { b.BeginArray(); b.KeyName(doc.NewName("a")) },
		"name after key":  func(b *doc.Builder) { b.BeginObject(); b.Key("a"); b.Null(); b.KeyName(doc.NewName("b")) },
		"key after name":  func(b *doc.Builder) { b.BeginObject(); b.KeyName(doc.NewName("a")); b.Null(); b.Key("b") },
		"name without it": func(b *doc.Builder) { b.BeginObject(); b.KeyName(doc.NewName("a")); b.EndObject() },
		"two values":      func(b *doc.Builder) { b.Null(); b.Null() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse(new(doc.Builder))
		}()
	}
}
