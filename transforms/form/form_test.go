package form

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

func open(t testing.TB, o Options) *hub.Format {
	t.Helper()
	f, err := Format().Open(&o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormat(t *testing.T) {
	text := func(r *rand.Rand) doc.Value {
		const alphabet = "ab c&=+%é[].,\n"
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteRune([]rune(alphabet)[r.IntN(14)])
		}
		return doc.StringValue(b.String())
	}
	name := func(r *rand.Rand) string {
		return string(rune('a'+r.IntN(5))) + []string{"", "x", " y", "ü"}[r.IntN(4)]
	}
	var object func(r *rand.Rand, depth int) doc.Value
	object = func(r *rand.Rand, depth int) doc.Value {
		var fields []doc.Field
		for range 1 + r.IntN(4) {
			v := text(r)
			switch r.IntN(4) {
			case 0:
				if depth < 3 {
					v = object(r, depth+1)
				}
			case 1:
				list := make([]doc.Value, 1+r.IntN(4))
				for i := range list {
					list[i] = text(r)
					if depth < 3 && r.IntN(3) == 0 {
						list[i] = object(r, depth+1)
					}
				}
				v = doc.ListOf(list)
			}
			fields = append(fields, doc.Field{Name: name(r), Value: v})
		}
		v := doc.ObjectOf(fields)
		again, err := doc.Parse(v.JSON()) // without the second of two fields of one name
		if err != nil {
			return object(r, depth)
		}
		return again
	}
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Hostile: []string{"a[0]=1&", "a[][]=1&", "[", "a[", "]", "%", "%2"}, Open: open(t, Options{"brackets", "indices"}),
		Random: func(r *rand.Rand) doc.Value { return object(r, 0) },
		Broken: map[string]string{
			"a=1&b=%zz":                            `line 1 column 5: invalid URL escape "%zz": write %25 for a %`,
			"=1":                                   `line 1 column 1: a field without a name`,
			"a=1&a[b]=2":                           `line 1 column 5: the field "a[b]" is two things at once: a text, a list or an object`,
			"a[b]=2&a=1":                           `line 1 column 8: the field "a" is two things at once: a text, a list or an object`,
			"a[2]=1":                               `line 1 column 1: the field "a[2]" leaves out the elements before it`,
			"[a]=1":                                `line 1 column 1: the field "[a]" begins with no name`,
			"a" + strings.Repeat("[b]", 20) + "=1": `line 1 column 1: the field "a[b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b…" is deeper than 16 levels`,
		},
		Unsaid: map[string]string{`[1]`: "a form is written from an object", `{"a":[[1]]}`: "a is a list of arrays"},
	})
}

func TestWays(t *testing.T) {
	const order = `{"amount":1299.50,"paid":true,"none":null,"metadata":{"order":"A-1"},"tag":["a b","c"]}`
	v, err := doc.Parse([]byte(order))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{"brackets", "plain"}, "amount=1299.50&paid=true&metadata%5Border%5D=A-1&tag=a+b&tag=c"},
		{Options{"dots", "brackets"}, "amount=1299.50&paid=true&metadata.order=A-1&tag%5B%5D=a+b&tag%5B%5D=c"},
		{Options{"brackets", "indices"}, "amount=1299.50&paid=true&metadata%5Border%5D=A-1&tag%5B0%5D=a+b&tag%5B1%5D=c"},
		{Options{"dots", "comma"}, "amount=1299.50&paid=true&metadata.order=A-1&tag=a+b%2Cc"},
		{Options{"none", "plain"}, "metadata is an object, which a form has no place for: write nested: brackets or dots at the format"},
	} {
		raw, err := open(t, c.o).Encode(v)
		got := string(raw)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.o, got, c.want)
		}
	}
	for in, want := range map[string]string{
		"":                          `{}`,
		"0=a&1=b&0=c":               `{"0":["a","c"],"1":"b"}`,
		"a=1&a=2&b=&c":              `{"a":["1","2"],"b":"","c":""}`,
		"a[]=1&a[]=2&&o[x][0][y]=z": `{"a":["1","2"],"o":{"x":[{"y":"z"}]}}`,
		"items[0][sku]=A&items[1][sku]=B&items[0][qty]=2": `{"items":[{"sku":"A","qty":"2"},{"sku":"B"}]}`,
	} {
		v, err := open(t, Options{"brackets", "plain"}).Decode([]byte(in))
		if err != nil || string(v.JSON()) != want {
			t.Errorf("%s: %s %v, want %s", in, v, err, want)
		}
	}
	if _, err := open(t, Options{"none", "plain"}).Decode([]byte(strings.Repeat("a=1&", 1001))); fmt.Sprint(err) != "line 1 column 4001: more than 1000 fields" {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"a=1&b[c]=2", "a[0][b]=%20", "a.b.c=1", "a[]=1&a[]", "]=", "a[9999]=1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, o := range []Options{{"brackets", "plain"}, {"dots", "indices"}, {"none", "comma"}} {
			hubtest.Hostile(t, open(t, o), raw)
		}
	})
}
