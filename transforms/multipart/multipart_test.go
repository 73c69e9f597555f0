package multipart

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/coding"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
	"orderhub/transforms/binary"
	"orderhub/transforms/json"
	"orderhub/transforms/text"
)

// others are the formats of parts.
func others(contentType string) *hub.Format {
	kind := binary.Format()
	switch {
	case strings.HasPrefix(contentType, "application/json"):
		kind = json.Format()
	case strings.HasPrefix(contentType, "text/"):
		kind = text.Format()
	}
	f, err := kind.Open(kind.Config(), others)
	if err != nil {
		panic(err)
	}
	return f
}

func open(t testing.TB, subtype string) *hub.Format {
	t.Helper()
	f, err := Format().Open(&Options{subtype}, others)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormat(t *testing.T) {
	hubtest.Format(t, hubtest.FormatCase{Kind: Format(), Hostile: []string{"--b\r\n", "--b\r\n\r\n", "--b\r\nA: b\r\n", "--b\r\nContent-Type: multipart/mixed\r\n\r\n"}, Open: open(t, "form-data"),
		Random: func(r *rand.Rand) doc.Value {
			parts := make([]string, 1+r.IntN(4))
			for i := range parts {
				parts[i] = []string{
					`{"name":"comment","body":"a text\r\n--with lines é"}`,
					`{"name":"order %d","type":"application/json","body":{"id":%d,"lines":[1.50]}}`,
					`{"name":"label","file":"Übergröße \"x\".pdf","type":"application/pdf","body":{"size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","base64":"YWJj"}}`,
				}[r.IntN(3)]
				parts[i] = strings.ReplaceAll(parts[i], `\"x\"`, "x")
				parts[i] = strings.ReplaceAll(parts[i], "%d", fmt.Sprint(r.IntN(100)))
			}
			v, err := doc.Parse([]byte(`{"parts":[` + strings.Join(parts, ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
		Broken: map[string]string{
			"no parts\r\nat all": `line 1 column 1: no part begins: expected a line with -- and the boundary`,
			"--b\r\nContent-Type: application/json\r\n\r\n{\r\n--b--\r\n":                  `line 1 column 1: part 1: its body: line 1 column 2: expected a key in quotes, found the end of the document`,
			"--b\r\n\r\nok\r\n--b\r\nContent-Transfer-Encoding: x-uu\r\n\r\n\r\n--b--\r\n": `line 4 column 1: part 2: its transfer encoding "x-uu" is not known`,
			"--b\r\n\r\nok\r\n": `line 1 column 1: part 1: the body ends before its last boundary`,
			strings.Repeat("--b\r\n\r\nok\r\n", 101) + "--b--\r\n": `line 301 column 1: part 101: more than 100 parts`,
		},
		Unsaid: map[string]string{
			`{}`:                          "it is written from {parts:",
			`{"parts":[]}`:                "with one part at least",
			`{"parts":[1]}`:               "/parts/0: a part is {name, file, type, body}, and this is number",
			`{"parts":[{"name":"a\nb"}]}`: "/parts/0: its name, file, type or id has a line break",
			`{"parts":[{"type":"text/plain","body":{"a":1}}]}`: "/parts/0: a text is a string",
		},
	})
}

// What Go's own reader of forms finds in it is what was written.
func TestOtherReaders(t *testing.T) {
	v, err := doc.Parse([]byte(`{"parts":[{"name":"order","body":{"id":1}},{"name":"file","file":"a\"b.txt","type":"text/plain","body":"x"},{"name":"n","body":"1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := open(t, "form-data").Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := coding.Wrap(open(t, "form-data"), "", "gzip")
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := packed.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(packed.Type + packed.Params(zipped)) // what the content type says is all that a reader knows
	if own := open(t, "form-data"); err != nil || own.Params(raw) != packed.Params(zipped) {
		t.Fatalf("%q, packed %q, %v", own.Params(raw), packed.Params(zipped), err)
	}
	form, err := multipart.NewReader(bytes.NewReader(raw), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if form.Value["order"][0] != `{"id":1}` || form.Value["n"][0] != "1" || form.File["file"][0].Size != 1 {
		t.Errorf("%v", form)
	}
	again, err := open(t, "form-data").Encode(v)
	if err != nil || !bytes.Equal(raw, again) {
		t.Error("the same document is other bytes")
	}
	if mixed, err := open(t, "mixed").Encode(v); err != nil || !bytes.Contains(mixed, []byte(`Content-Disposition: attachment; name="file"`)) {
		t.Errorf("%s %v", mixed, err)
	}
}

// A mail of others: a preamble, encodings, parts without names.
func TestMail(t *testing.T) {
	raw := "This is a message in MIME.\r\n--=_x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nZo=C3=AB=\r\n!\r\n" +
		"--=_x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <1@x>\r\n\r\nYW\r\nJj\r\n--=_x--\r\nepilogue"
	v, err := open(t, "mixed").Decode([]byte(raw))
	want := `{"parts":[{"type":"text/plain; charset=utf-8","body":"Zoë!"},{"file":"a.pdf","type":"application/pdf","id":"<1@x>","body":{"size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","base64":"YWJj"}}]}`
	if err != nil || string(v.JSON()) != want {
		t.Errorf("%s %v", v, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("--b\r\n\r\nok\r\n--b--\r\n"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"../../x\"\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--"))
	format := open(f, "form-data")
	f.Fuzz(func(t *testing.T, raw []byte) { hubtest.Hostile(t, format, raw) })
}
