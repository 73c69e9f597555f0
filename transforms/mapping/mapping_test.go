package mapping

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

func parse(t testing.TB, src string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// frame is a frame with that body.
func frame(t testing.TB, body string) *formula.Frame {
	t.Helper()
	fr := formula.NewFrame(&hub.Exchange{Msg: &hub.Message{Body: hub.DocumentBody(parse(t, body))}})
	if _, err := fr.Body(); err != nil {
		t.Fatal(err)
	}
	return fr
}

// tree reads a mapping as the configuration would write it, in JSON: texts with = are formulas, Pos is the path.
func tree(v doc.Value, path string) *Tree {
	t := &Tree{Pos: path}
	switch v.Kind() {
	case doc.Array:
		t.Kind = Array
		for _, item := range v.Elems() {
			t.Items = append(t.Items, tree(item, path+"[]"))
		}
	case doc.Object:
		objectTree(t, v, path)
	case doc.String:
		if src, ok := strings.CutPrefix(v.Str(), "="); ok {
			t.Kind, t.Formula = Formula, src
			return t
		}
		fallthrough
	default:
		t.Kind, t.Literal = Literal, v
	}
	return t
}

func objectTree(t *Tree, v doc.Value, path string) {
	for name, f := range v.Fields() {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch name {
		case KeyEach:
			t.Kind, t.Each, t.EachPos = Each, f.Str(), at
		case KeyWhen:
			t.When, t.WhenPos = f.Str(), at
		case KeyValue:
			t.Value = tree(f, at)
		default:
			t.Fields = append(t.Fields, Field{Name: name, NamePos: at + "!", Tree: tree(f, at)})
		}
	}
}

func mustCompile(t testing.TB, src string, target *shape.Type) *Mapping {
	t.Helper()
	m, errs := Compile(tree(parse(t, src), ""), formula.NewScope(), target)
	for _, e := range errs {
		t.Fatalf("%v: %v", e.Pos, e)
	}
	return m
}

// Each folder of testdata is a golden: in.json, map.json and want.json.
func TestGoldens(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/map.json")
	if err != nil || len(folders) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range folders {
		dir := filepath.Dir(path)
		read := func(name string) string {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := mustCompile(t, read("map.json"), nil)
			got, err := m.Apply(frame(t, read("in.json")))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSpace(read("want.json"))
			if string(got.JSON()) != want {
				t.Errorf("got  %s\nwant %s", got.JSON(), want)
			}
			if again, err := doc.Parse(got.Source()); err != nil || !doc.Equal(again, got) {
				t.Errorf("the text is not the document: %v", err)
			}
		})
	}
}

func TestApply(t *testing.T) {
	for _, c := range []struct{ name, mapping, body, want string }{
		{"missing is left out, null stays", `{"a":"=body.none","b":"=body.null","c":null}`, `{"null":null}`, `{"b":null,"c":null}`},
		{"copies keep their bytes", `{"a":"=body.n","b":"=body.s","c":"=body"}`, `{"n":1.50e1,"s":"\u0041"}`, `{"a":1.50e1,"b":"\u0041","c":{"n":1.50e1,"s":"\u0041"}}`},
		{"literals keep their digits", `{"a":1.500,"b":"x","c":true,"d":12345678901234567890}`, `{}`, `{"a":1.500,"b":"x","c":true,"d":12345678901234567890}`},
		{"numbers are exact", `{"a":"=3 * 5.20","b":"=0.1 + 0.2"}`, `{}`, `{"a":15.60,"b":0.3}`},
		{"each", `{"l":{"$each":"body.x","n":"=index + 1","v":"=it.v","k":1}}`, `{"x":[{"v":"a"},{}]}`, `{"l":[{"n":1,"v":"a","k":1},{"n":2,"k":1}]}`},
		{"each of none", `{"l":{"$each":"body.x","v":"=it"}}`, `{"x":[]}`, `{"l":[]}`},
		{"each of missing is left out, of null is null", `{"l":{"$each":"body.x","v":"=it"},"m":{"$each":"body.y","v":"=it"}}`, `{"y":null}`, `{"m":null}`},
		{"each with when", `{"l":{"$each":"body.x","$when":"it.n > 1","n":"=it.n","i":"=index"}}`, `{"x":[{"n":1},{"n":2},{"n":3}]}`, `{"l":[{"n":2,"i":1},{"n":3,"i":2}]}`},
		{"each with value", `{"l":{"$each":"body.x","$value":"=it.n * 2"}}`, `{"x":[{"n":1},{"n":2}]}`, `{"l":[2,4]}`},
		{"each with value, missing is left out, null stays", `{"l":{"$each":"body.x","$value":"=it.n"}}`, `{"x":[{"n":1},{},{"n":null}]}`, `{"l":[1,null]}`},
		{"each with a list as value", `{"l":{"$each":"body.x","$value":["=it","=index"]}}`, `{"x":["a","b"]}`, `{"l":[["a",0],["b",1]]}`},
		{"nested each", `{"l":{"$each":"body.x","id":"=it.id","in":{"$each":"it.y","v":"=it","o":"=outer.id","i":"=index"},"i":"=index","after":"=it.id"}}`,
			`{"x":[{"id":"a","y":[1,2]},{"id":"b","y":[3]}]}`,
			`{"l":[{"id":"a","in":[{"v":1,"o":"a","i":0},{"v":2,"o":"a","i":1}],"i":0,"after":"a"},{"id":"b","in":[{"v":3,"o":"b","i":0}],"i":1,"after":"b"}]}`},
		{"three levels", `{"$each":"body","$value":{"$each":"it","$value":{"$each":"it","$value":"=[it, outer, index]"}}}`, `[[[1,2]],[[3]]]`,
			`[[[[1,[1,2],0],[2,[1,2],1]]],[[[3,[3],0]]]]`},
		{"an object with when", `{"a":{"$when":"body.x","b":1},"c":{"$when":"not body.x","d":2}}`, `{"x":true}`, `{"a":{"b":1}}`},
		{"a value with when", `{"a":{"$when":"body.x","$value":"=body.v"},"b":{"$when":"not body.x","$value":"=body.v"}}`, `{"x":true,"v":7}`, `{"a":7}`},
		{"items: missing keeps its place, when leaves out", `{"a":["=body.none",{"$when":"body.x","b":1},{"$when":"not body.x","c":1},2]}`, `{"x":false}`, `{"a":[null,{"c":1},2]}`},
		{"the document is a formula", `"=body.a"`, `{"a":{"b":1}}`, `{"b":1}`},
		{"the document is a literal", `5`, `{}`, `5`},
		{"the document is left out", `{"$when":"body.x","b":1}`, `{"x":false}`, `null`},
		{"names are escaped", `{"a\"b\n":"=body.x"}`, `{"x":"ü\"\\"}`, `{"a\"b\n":"ü\"\\"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustCompile(t, c.mapping, nil)
			fr := frame(t, c.body)
			for range 2 { // the second run meets a used builder and frame
				got, err := m.Apply(fr)
				if err != nil || string(got.JSON()) != c.want {
					t.Fatalf("got  %s (%v)\nwant %s", got.JSON(), err, c.want)
				}
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	for _, c := range []struct{ mapping, body, pos, want, reason string }{
		{`{"a":{"b":"=body.s * 2"}}`, `{"s":"x"}`, "a.b", "a.b: ", formula.ReasonTransform},
		{`{"a":[1,{"b":"=body.s * 2"}]}`, `{"s":"x"}`, "a[].b", "a[1].b: ", formula.ReasonTransform},
		{`{"l":{"$each":"body.x","in":{"$each":"it","v":"=it * 2"}}}`, `{"x":[[1],[1,"x"]]}`, "l.in.v", "l[1].in[1].v: ", formula.ReasonTransform},
		{`{"$each":"body","$value":{"$each":"it","$value":"=it * 2"}}`, `[[1],["x"]]`, "$value.$value", "[1][0]: ", formula.ReasonTransform},
		{`{"l":{"$each":"body.x","v":1}}`, `{"x":{"y":1}}`, "l.$each", "l: $each needs a list; body.x is an object", formula.ReasonTransform},
		{`{"l":{"$each":"body.x","$when":"it","v":1}}`, `{"x":[1]}`, "l.$when", "l[0]: ", formula.ReasonTransform},
		{`{"a":{"$when":"body.x","v":1}}`, `{"x":null}`, "a.$when", "a: ", formula.ReasonTransform},
		{`"=body * 2"`, `"x"`, "", "", formula.ReasonTransform},
		{`{"l":{"$each":"body","$value":{"$each":"body","$value":{"$each":"body","$value":1}}}}`, "[" + strings.Repeat("1,", 99) + "1]", "l.$value.$each",
			"the mapping makes more than 100000 entries", formula.ReasonLimit},
		{`{"l":{"$each":"body","$value":"=body"}}`, `["` + strings.Repeat("x", 100_000) + `"` + strings.Repeat(",1", 300) + "]", "l.$value",
			"the mapping makes more than 16777216 bytes", formula.ReasonLimit},
	} {
		m := mustCompile(t, c.mapping, nil)
		_, err := m.Apply(frame(t, c.body))
		e, ok := err.(*RunError)
		if !ok || e.Pos != c.pos || !strings.Contains(e.Error(), c.want) || strings.HasSuffix(e.Error(), ": ") {
			t.Errorf("%s: got %v at %v, want %q at %q", c.mapping, err, e, c.want, c.pos)
			continue
		}
		if h := hub.AsError(err); h.Class != hub.Invalid || h.Reason != c.reason {
			t.Errorf("%s: %s %s", c.mapping, h.Class, h.Reason)
		}
		if v, err := m.Apply(frame(t, `{}`)); err == nil && v.Kind() == doc.Object { // the builder is clean again
			if _, err := doc.Parse(v.Source()); err != nil {
				t.Errorf("%s: after an error: %v", c.mapping, err)
			}
		}
	}
}
