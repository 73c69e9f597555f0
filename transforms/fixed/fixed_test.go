package fixed

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

func open(t testing.TB, o *Options) *hub.Format {
	t.Helper()
	if o.Prefix.At == 0 {
		o.Prefix = Prefix{1, 1}
	}
	if faults := o.check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	f, err := Format().Open(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func stock() *Options {
	return &Options{Columns: []Column{
		{Name: "sku", Width: 6, Type: "text"}, {Name: "qty", Width: 5, Type: "number"},
		{Name: "price", Width: 8, Type: "number", Decimals: 2}, {Name: "on", Width: 8, Type: "date", Layout: "20060102"},
		{Name: "note", Width: 4, Type: "text", Align: "right", Pad: "*"},
	}}
}

func TestDecode(t *testing.T) {
	f := open(t, stock())
	for _, c := range []struct{ in, want string }{
		{"A1    000050012995020260301**ab", `[{"sku":"A1","qty":5,"price":1299.50,"on":"2026-03-01","note":"ab"}]`},
		{"Zoé   00005-0000001        \r\n", `[{"sku":"Zoé","qty":-5,"price":0.01,"note":""}]`}, // a sign behind makes the column one wider: see below
		{"B2    +0007     2.500000000\n\nC", `[{"sku":"B2","qty":7,"price":2.5,"note":""},{"sku":"C","note":""}]`},
		{"", `[]`},
	} {
		v, err := f.Decode([]byte(c.in))
		got := string(v.JSON())
		if err != nil {
			got = err.Error()
		}
		if c.in == "Zoé   00005-0000001        \r\n" { // qty is 5 wide: "00005", price "-0000001"
			c.want = `[{"sku":"Zoé","qty":5,"price":-0.01,"note":""}]`
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	f := open(t, stock())
	for in, want := range map[string]string{
		"A1    0000x":                         `line 1 column 7: qty: "0000x" is no number`,
		"\nA1    00001xxxxxxxx":               `line 2 column 12: price: "xxxxxxxx" is no number`,
		"A1    000010000000120261301":         `line 1 column 20: on: "20261301" is no date as 20060102`,
		"A1    000010000000120260301****more": `line 1 column 32: the line has 35 characters, and its record 31`,
		"A\xff":                               `line 1 column 2: the line is not UTF-8; write charset: at the format`,
	} {
		if _, err := f.Decode([]byte(in)); fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	for in, want := range map[string]string{
		`{"sku":"1234567"}`:   `record 1: sku: "1234567" is longer than the 6 characters of its column`,
		`[{},{"qty":123456}]`: `record 2: qty: "123456" is longer than the 5 characters of its column`,
		`{"price":1.005}`:     `record 1: price: 1.005 has more than 2 decimals; round it`,
		`{"on":"1.3.2026"}`:   `record 1: on: "1.3.2026" is no date such as 2026-03-01`,
		`{"sku":"a\nb"}`:      `record 1: sku: a line break has no place in a column`,
		`{"sku":{"a":1}}`:     `record 1: sku: object has no place in a column`,
		`"x"`:                 `record 1: a record is written from an object, and this is string`,
		`{"qty":"many"}`:      `record 1: qty: "many" is no number`,
	} {
		v, err := doc.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Encode(v)
		if e := hub.AsError(err); err == nil || e.Class != hub.Invalid || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestRecordTypes(t *testing.T) {
	f := open(t, &Options{Prefix: Prefix{1, 2}, Line: "crlf", Records: map[string][]Column{
		"HD": {{Name: "order", At: 3, Width: 4, Type: "text"}},
		"LN": {{Name: "sku", At: 3, Width: 3, Type: "text"}, {Name: "qty", Width: 3, Type: "number"}},
	}})
	raw := "HDA100\r\nLNS1 002\r\nLNS2 010\r\n"
	v, err := f.Decode([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`[{"record":"HD","order":"A100"},{"record":"LN","sku":"S1","qty":2},{"record":"LN","sku":"S2","qty":10}]`, string(v.JSON())); diff != "" {
		t.Error(diff)
	}
	if out, err := f.Encode(v); err != nil || string(out) != raw {
		t.Errorf("%q %v", out, err)
	}
	if _, err := f.Decode([]byte("HDA100\nXX")); fmt.Sprint(err) != `line 2 column 1: no type of record begins with "XX"` {
		t.Error(err)
	}
	if _, err := f.Encode(doc.ObjectOf(nil)); fmt.Sprint(err) != "record 1: no type of record is named \"\"; write it in the field `record`" {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "one of columns and records is needed"},
		{Options{Columns: []Column{{Name: "a", Width: 1}, {Name: "a", Width: 1}}}, `two columns are named "a"`},
		{Options{Columns: []Column{{Name: "a", Width: 8, Type: "date"}}}, `the date "a" has no layout`},
		{Options{Columns: []Column{{Name: "a", Width: 6, Type: "date", Layout: "20060102"}}}, `the date "a" is 6 characters wide, and its layout 8`},
		{Options{Prefix: Prefix{1, 1}, Records: map[string][]Column{"H": {{Name: "record", Width: 1}}}}, `a column is named "record", as the field with the type of the record`},
		{Options{Prefix: Prefix{1, 2}, Records: map[string][]Column{"H": nil}}, `the prefix is 2 characters wide, and "H" is not`},
	} {
		if faults := c.o.check(); len(faults) != 1 || faults[0].Message != c.want || faults[0].Help == "" {
			t.Errorf("%v, want %s", faults, c.want)
		}
	}
	if _, err := Format().Open(Format().Config(), nil); err == nil {
		t.Error("a format without columns opens")
	}
}

func TestFormat(t *testing.T) {
	f := open(t, stock())
	text := func(r *rand.Rand, most int, alphabet string) string {
		out := make([]rune, r.IntN(most+1))
		for i := range out {
			out[i] = []rune(alphabet)[r.IntN(len([]rune(alphabet)))]
		}
		return string(out)
	}
	record := func(r *rand.Rand) doc.Value {
		fields := []doc.Field{{Name: "sku", Value: doc.StringValue("S" + strings.TrimRight(text(r, 5, "abÄß 漢1"), " "))}}
		number := func(name string, n int64, scale int) {
			if r.IntN(4) > 0 {
				d, _ := doc.ParseDecimal(fmt.Sprintf("%de-%d", n, scale))
				fields = append(fields, doc.Field{Name: name, Value: doc.NumberValue(d.Round(scale))})
			}
		}
		number("qty", r.Int64N(20_000)-9_999, 0)
		number("price", r.Int64N(20_000_000)-9_999_999, 2)
		if r.IntN(4) > 0 {
			fields = append(fields, doc.Field{Name: "on", Value: doc.StringValue(fmt.Sprintf("%04d-%02d-%02d", 1900+r.IntN(200), 1+r.IntN(12), 1+r.IntN(28)))})
		}
		return doc.ObjectOf(append(fields, doc.Field{Name: "note", Value: doc.StringValue(strings.TrimLeft(text(r, 4, "ab*c"), "*"))}))
	}
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Open: f, Random: func(r *rand.Rand) doc.Value {
		out := make([]doc.Value, r.IntN(4))
		for i := range out {
			out[i] = record(r)
		}
		return doc.ListOf(out)
	}})
}

func TestRecords(t *testing.T) {
	hubtest.Records(t, hubtest.RecordCase{Open: open(t, stock()), Record: "A1    000050012995020260301**ab\n", Broken: "A1    0000x0012995020260301**ab\n",
		Want: `line 1001 column 7: qty: "0000x" is no number`})
}

func FuzzDecode(f *testing.F) {
	format := open(f, stock())
	types := open(f, &Options{Records: map[string][]Column{"H": {{Name: "a", At: 2, Width: 3, Type: "number", Decimals: 1}}, "é": {{Name: "a", At: 1, Width: 3, Type: "text"}}}})
	for _, s := range []string{"A1    000050012995020260301**ab", "H12-\n", "é漢\n", "\xff", "H  +"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, k := range []*hub.Format{format, types} {
			hubtest.Hostile(t, k, raw)
			v, err := k.Decode(raw)
			if err != nil {
				continue
			}
			if out, err := k.Encode(v); err == nil {
				if again, err := k.Decode(out); err != nil || again.Kind() != doc.Array {
					t.Errorf("%q became %q: %v", raw, out, err)
				}
			}
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	line := []byte("A1    000050012995020260301**ab\n")
	f := open(b, stock())
	b.SetBytes(int64(len(line)) * 1000)
	raw := bytes.Repeat(line, 1000)
	b.ReportAllocs()
	for b.Loop() {
		for next := f.Records(bytes.NewReader(raw), 1<<20); ; {
			if _, _, err := next(); err == io.EOF {
				break
			}
		}
	}
}
