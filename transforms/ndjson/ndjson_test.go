package ndjson

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

func open(t testing.TB) *hub.Format {
	t.Helper()
	f, err := Format().Open(&Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormat(t *testing.T) {
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Open: open(t),
		Random: func(r *rand.Rand) doc.Value {
			list := make([]doc.Value, r.IntN(5))
			for i := range list {
				v, err := doc.Parse(fmt.Appendf(nil, `{"id":%d,"text":"a\nb\u2028%c","list":[1.50,null,true]}`, r.IntN(1000), 'a'+rune(r.IntN(20))))
				if err != nil {
					t.Fatal(err)
				}
				list[i] = v
			}
			return doc.ListOf(list)
		},
		Broken: map[string]string{"{}\n\n{\"a\":}\n": `line 3 column 6: expected a value, found '}'`},
	})
	if raw, err := open(t).Encode(doc.StringValue("a\nb")); err != nil || string(raw) != "\"a\\nb\"\n" {
		t.Errorf("%q %v", raw, err)
	}
	if v, err := open(t).Decode([]byte("\xef\xbb\xbf{\"a\":1}\r\n  \r\n2")); err != nil || string(v.JSON()) != `[{"a":1},2]` {
		t.Errorf("%s %v", v, err)
	}
}

func TestRecords(t *testing.T) {
	hubtest.Records(t, hubtest.RecordCase{Open: open(t), Record: `{"id":"W-1","qty":3,"price":129.90,"note":"a text that is a little longer than the others"}` + "\n",
		Broken: `{"id":}` + "\n", Want: `line 1001 column 7: expected a value, found '}'`})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("{}\n[1]\n\"a\""))
	f.Add([]byte("\xef\xbb\xbf\r\n{"))
	format := open(f)
	f.Fuzz(func(t *testing.T, raw []byte) { hubtest.Hostile(t, format, raw) })
}
