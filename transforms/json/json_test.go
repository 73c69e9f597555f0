package json

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

func TestFormat(t *testing.T) {
	f, err := Format().Open(&Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Open: f,
		Random: func(r *rand.Rand) doc.Value {
			v, err := doc.Parse(fmt.Appendf(nil, `{"id":%d.50,"text":"é\n%c","list":[null,true,{"a":{}}]}`, r.IntN(1000), 'a'+rune(r.IntN(20))))
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
		Broken: map[string]string{"{\"a\":1,\n\"a\":2}": `line 2 column 1: duplicate key "a"`},
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":1.50e3,"list":[null,true,{"a":"\u00e9\\n"}]}`))
	format, err := Format().Open(&Options{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) { hubtest.Hostile(t, format, raw) })
}
