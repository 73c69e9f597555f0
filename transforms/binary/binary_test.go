package binary

import (
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
			raw := make([]byte, r.IntN(50))
			for i := range raw {
				raw[i] = byte(r.Uint32())
			}
			v, _ := f.Decode(raw)
			return v
		},
		Unsaid: map[string]string{`{"a":1}`: "this is object", `12`: "this is number", `"=="`: "the base64 can't be read"},
	})
	v, err := f.Decode([]byte("abc"))
	if want := `{"size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","base64":"YWJj"}`; err != nil || string(v.JSON()) != want { // FIPS 180-2, B.1
		t.Errorf("%s %v", v, err)
	}
	if raw, err := f.Encode(doc.StringValue("YWJj")); err != nil || string(raw) != "abc" {
		t.Errorf("%q %v", raw, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("abc"))
	format, err := Format().Open(&Options{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		hubtest.Hostile(t, format, raw)
		v, _ := format.Decode(raw)
		if again, err := format.Encode(v); err != nil || string(again) != string(raw) {
			t.Errorf("%q became %q, %v", raw, again, err)
		}
	})
}
