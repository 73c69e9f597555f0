package text

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
			out := make([]rune, r.IntN(20))
			for i := range out {
				out[i] = rune(r.IntN(0xD800))
			}
			return doc.StringValue(string(out))
		},
		Broken: map[string]string{"ab\ncd\xff": "line 2 column 3: the text is not UTF-8; name its character set: charset=iso-8859-1 in the content type, or charset: at the format"},
		Unsaid: map[string]string{`{"a":1}`: "this is object; name the field", `[]`: "this is array"},
	})
	hubtest.Records(t, hubtest.RecordCase{Open: f, Record: "a line of text that says little, and ends as lines do\r\n", Broken: "a\xff\n",
		Want: "line 1001 column 2: the text is not UTF-8; name its character set: charset=iso-8859-1 in the content type, or charset: at the format"})
	for in, want := range map[string]string{`12.50`: "12.50", `true`: "true", `null`: ""} {
		v, _ := doc.Parse([]byte(in))
		if out, err := f.Encode(v); err != nil || string(out) != want {
			t.Errorf("%s: %q %v", in, out, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("a text\r\nof lines\n\n\xff"))
	format, err := Format().Open(&Options{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) { hubtest.Hostile(t, format, raw) })
}
