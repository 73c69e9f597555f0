package mapping

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"

	"pgregory.net/rapid"
)

var names = rapid.SampledFrom([]string{"a", "b", "c", "d\"ü"})

func value(t *rapid.T, depth int) doc.Value {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return doc.NullValue()
	case 1:
		return doc.BoolValue(true)
	case 2:
		d, _ := doc.ParseDecimal(rapid.SampledFrom([]string{"0", "1.50", "-12", "12345678901234567890"}).Draw(t, "number"))
		return doc.NumberValue(d)
	case 3:
		return doc.StringValue(rapid.StringN(0, 5, -1).Draw(t, "text"))
	case 4:
		var list []doc.Value
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			list = append(list, value(t, depth-1))
		}
		return doc.ListOf(list)
	}
	var fields []doc.Field
	for range rapid.IntRange(0, 3).Draw(t, "size") {
		fields = append(fields, doc.Field{Name: names.Draw(t, "name"), Value: value(t, depth-1)})
	}
	return doc.ObjectOf(fields)
}

func bodyFrame(v doc.Value) *formula.Frame {
	fr := formula.NewFrame(&hub.Exchange{Msg: &hub.Message{Body: hub.DocumentBody(v)}})
	fr.Body()
	return fr
}

// A mapping of literals is that document; a mapping of paths puts each value where it says; the text is the document.
func TestApplyIsTheTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := value(t, 3)
		body := doc.ObjectOf([]doc.Field{{Name: "v", Value: want}})
		if rapid.Bool().Draw(t, "parsed") {
			body, _ = doc.Parse(body.JSON())
		}
		m, errs := Compile(spread(t, want, "body.v"), formula.NewScope(), nil)
		if errs != nil {
			t.Fatal(errs[0])
		}
		fr := bodyFrame(body)
		for range 2 {
			got, err := m.Apply(fr)
			if err != nil {
				t.Fatal(err)
			}
			again, err := doc.Parse(got.JSON())
			if err != nil || string(got.JSON()) != string(want.JSON()) || !doc.Equal(again, want) || !doc.Equal(got, want) {
				t.Fatalf("got %s (%v), want %s", got.JSON(), err, want.JSON())
			}
		}
	})
}

// spread makes a tree of v, which stands at path: some parts as literals, some as formulas, lists also by $each.
func spread(t *rapid.T, v doc.Value, path string) *Tree {
	way := rapid.IntRange(0, 3).Draw(t, "way")
	switch {
	case way == 0:
		return &Tree{Kind: Formula, Formula: path}
	case way == 1 && v.Kind() == doc.Array:
		return &Tree{Kind: Each, Each: path, Value: &Tree{Kind: Formula, Formula: "it"}}
	case way == 2 && v.Kind() == doc.Array:
		return &Tree{Kind: Each, Each: path, Value: &Tree{Kind: Formula, Formula: path + "[index]"}}
	case v.Kind() == doc.Object:
		tree := &Tree{Kind: Object}
		for name, f := range v.Fields() {
			tree.Fields = append(tree.Fields, Field{Name: name, Tree: spread(t, f, fmt.Sprintf("%s[%q]", path, name))})
		}
		return tree
	case v.Kind() == doc.Array:
		tree := &Tree{Kind: Array}
		for i, e := range v.Elems() {
			tree.Items = append(tree.Items, spread(t, e, fmt.Sprintf("%s[%d]", path, i)))
		}
		return tree
	}
	return &Tree{Kind: Literal, Literal: v}
}

// Mappings run side by side.
func TestConcurrent(t *testing.T) {
	m := mustCompile(t, `{"l":{"$each":"body.x","n":"=it","i":"=index"}}`, nil)
	done := make(chan string)
	for i := range 8 {
		go func() {
			text := strings.Repeat(fmt.Sprint(i), 20)
			fr := bodyFrame(doc.ObjectOf([]doc.Field{{Name: "x", Value: doc.ListOf([]doc.Value{doc.StringValue(text)})}}))
			want := fmt.Sprintf(`{"l":[{"n":"%s","i":0}]}`, text)
			for range 500 {
				if got, err := m.Apply(fr); err != nil || string(got.JSON()) != want {
					done <- fmt.Sprintf("got %s (%v), want %s", got.JSON(), err, want)
					return
				}
			}
			done <- ""
		}()
	}
	for range 8 {
		if fault := <-done; fault != "" {
			t.Error(fault)
		}
	}
}
