package doc_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub/doc"
)

const sample = `{"id":"A-1","total":15.60,"note":"a\"b\u00e4","lines":[{"sku":"x","qty":2},{"sku":"y","qty":3,"token":"t"}],"paid":true,"off":false,"ref":null,"k\u0065y":1,"nums":[1,2,3]}`

func TestAccess(t *testing.T) {
	v := parse(t, sample)
	lines := v.Get("lines")
	checks := map[string]bool{
		"string":          v.Get("id").Str() == "A-1",
		"escapes":         v.Get("note").Str() == "a\"bä" && v.Get("note").Len() == 4,
		"escaped key":     v.Get("key").Num().Cmp(doc.Int(1)) == 0,
		"missing":         v.Get("nope").Kind() == doc.Missing && v.Get("nope").IsNull() && v.Get("nope").Get("x").At(1).Kind() == doc.Missing,
		"null":            v.Get("ref").Kind() == doc.Null && v.Get("ref").IsNull() && v.Get("ref").Any() == nil,
		"bool":            v.Get("paid").Bool() && !v.Get("off").Bool() && !v.Get("id").Bool(),
		"len":             v.Len() == 9 && lines.Len() == 2 && v.Get("paid").Len() == 0,
		"at":              lines.At(1).Get("sku").Str() == "y" && lines.At(-2).Get("sku").Str() == "x",
		"at of scalars":   v.Get("nums").At(2).Num().String() == "3" && v.Get("nums").At(-3).Num().String() == "1",
		"out of range":    lines.At(2).Kind() == doc.Missing && lines.At(-3).Kind() == doc.Missing,
		"wrong kind":      v.Get("id").Num().Sign() == 0 && v.Get("total").Str() == "" && v.Get("id").At(0).Kind() == doc.Missing,
		"text":            v.Get("id").Text() == "A-1" && v.Get("ref").Text() == "" && v.Get("total").Text() == "15.60" && v.Get("nums").Text() == "[1,2,3]",
		"source":          string(v.Get("total").Source()) == "15.60" && doc.IntValue(1).Source() == nil,
		"string is short": len(doc.StringValue(strings.Repeat("ä", 300)).String()) < 210,
	}
	for name, ok := range checks {
		if !ok {
			t.Error(name)
		}
	}
	if n := testing.AllocsPerRun(100, func() { v.Get("lines").At(1).Get("qty").Num() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestComputedJSON(t *testing.T) {
	v := doc.ObjectOf([]doc.Field{
		{"a", doc.IntValue(1)}, {"b", doc.ListOf([]doc.Value{doc.BoolValue(true), {}, doc.NullValue(), parse(t, ` 1.50 `)})},
		{"a", doc.StringValue("q\"\\\n\x01\xff<é")}, {"\n", doc.ObjectOf(nil)}, {"l", doc.ListOf(nil)},
	})
	want := `{"a":"q\"\\\n\u0001` + "\uFFFD" + `<é","b":[true,null,null,1.50],"\n":{},"l":[]}`
	if got := string(v.JSON()); got != want || !json.Valid(v.JSON()) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := string(rebuilt(v).JSON()); got != want || rebuilt(v).Get("\n").Kind() != doc.Object {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if v.Get("b").At(-1).Num().String() != "1.50" || v.Len() != 4 {
		t.Error("access")
	}
}

func TestFromAny(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	v, err := doc.FromAny(map[string]any{"b": []any{1, int64(2), uint8(3), 1.5, float32(0.1), json.Number("1.50")}, "a": nil, "t": at,
		"v": doc.IntValue(7), "d": dec(t, "0.10"), "s": "x", "y": true,
		"z": map[any]any{"b": 1, 200: map[any]any{}}})
	want := `{"a":null,"b":[1,2,3,1.5,0.1,1.50],"d":0.10,"s":"x","t":"2026-11-20T10:00:00Z","v":7,"y":true,"z":{"200":{},"b":1}}`
	if err != nil || string(v.JSON()) != want {
		t.Errorf("got %s, %v", v.JSON(), err)
	}
	for _, bad := range []any{map[string]any{"a": []any{make(chan int)}}, json.Number("x"), inf()} {
		if v, err := doc.FromAny(bad); err == nil {
			t.Errorf("accepted as %s", v)
		}
	}
	_, err = doc.FromAny(map[string]any{"a": []any{1, struct{}{}}})
	if want := "a: [1]: a value of type struct {} is no document"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func inf() float64 { x := 0.0; return 1 / x }

func TestEqualAndHash(t *testing.T) {
	same := [][2]string{{"1.0", "1"}, {"1e2", "100.00"}, {`{"a":1,"b":[2.0]}`, `{"b":[2],"a":1.00}`}, {`"\u0061"`, `"a"`}, {"-0", "0"},
		{`{"\u0061":1}`, `{"a":1}`}, {"123456789012345678901234567890.0", "123456789012345678901234567890"}, {"[]", "[ ]"}, {many(50, `"z":1`), many(50, `"z":1.0`)}}
	for _, s := range same {
		a, b := parse(t, s[0]), parse(t, s[1])
		if !doc.Equal(a, b) || doc.Hash(a) != doc.Hash(b) || doc.Digest(a) != doc.Digest(b) || !doc.Equal(rebuilt(a), b) {
			t.Errorf("%s is not %s", a, b)
		}
	}
	for _, s := range [][2]string{{"1", "1.01"}, {`"1"`, "1"}, {`{"a":null}`, `{}`}, {`{"a":null}`, `{"b":null}`}, {"[1,2]", "[2,1]"}, {"[1]", "[1,2]"}, {"true", "false"}, {"null", "0"}, {`["a","b"]`, `["ab"]`}, {`{"a":"b"}`, `{"ab":""}`}, {`[1,2]`, `[12]`}, {`[[1],2]`, `[[1,2]]`}} {
		if a, b := parse(t, s[0]), parse(t, s[1]); doc.Equal(a, b) || doc.Hash(a) == doc.Hash(b) || doc.Digest(a) == doc.Digest(b) {
			t.Errorf("%s is %s", a, b)
		}
	}
	if !doc.Equal(doc.Value{}, doc.NullValue()) || doc.Hash(doc.Value{}) != doc.Hash(doc.NullValue()) {
		t.Error("missing is not null")
	}
}

func TestConcurrentReaders(t *testing.T) {
	v := parse(t, sample)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if v.Get("note").Str() != "a\"bä" || !doc.Equal(rebuilt(v), v) || doc.Set(v, []string{"id"}, v).Len() != 9 {
					t.Error("a reader saw something else")
				}
			}
		})
	}
	wg.Wait()
}

func rebuilt(v doc.Value) doc.Value {
	var b doc.Builder
	b.Value(v)
	return b.Done()
}
