package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

// maker makes random documents that XML can say.
type maker struct{ *rand.Rand }

func (m maker) pick(all ...string) string { return all[m.IntN(len(all))] }

func (m maker) text() string {
	var b strings.Builder
	for range m.IntN(6) {
		b.WriteString(m.pick("a", "<", ">", "&", "]]>", "\"", "'", " ", "\n", "\r", "\t", "ä", "€", "😀", "\u0085", "&amp;", "<!--", "\uFFFD", "text", "5.20"))
	}
	return b.String()
}

func (m maker) name() string {
	return m.pick("", "", "o:", "p:") + m.pick("a", "b", "c", "größe", "D-1.x", "_", "line")
}

func (m maker) value(depth int) doc.Value {
	if depth == 0 || m.IntN(3) == 0 {
		if m.IntN(8) == 0 {
			return doc.NullValue()
		}
		return doc.StringValue(m.text())
	}
	var fields []doc.Field
	for range m.IntN(3) {
		fields = append(fields, doc.Field{Name: "@" + m.pick("", "", "o:", "xml:") + m.pick("id", "x", "y"), Value: doc.StringValue(m.text())})
	}
	children := m.IntN(5)
	for range children {
		name := m.name()
		v := m.value(depth - 1)
		if strings.HasSuffix(name, "line") { // always a list
			list := []doc.Value{v}
			for range m.IntN(3) {
				list = append(list, m.value(depth-1))
			}
			v = doc.ListOf(list)
		} else if m.IntN(4) == 0 {
			v = doc.ListOf([]doc.Value{v, m.value(depth - 1), m.value(depth - 1)})
		}
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	if text := m.text(); text != "" && len(fields) > 0 {
		fields = append(fields, doc.Field{Name: "#text", Value: doc.StringValue(text)})
	}
	if len(fields) == 0 {
		return doc.StringValue("")
	}
	return doc.ObjectOf(fields)
}

// 10,000 documents are read as they were written, whatever the options are.
func TestRoundTrip(t *testing.T) {
	formats := []*hub.Format{}
	for _, set := range []func(*Config){
		func(c *Config) {},
		func(c *Config) { c.Indent, c.Declaration = 3, false },
		func(c *Config) { c.Order = map[string][]string{"*": {"line", "b", "o:a"}} },
		func(c *Config) { c.Namespaces[""] = "urn:none" },
		func(c *Config) { c.Record = "*" },
	} {
		formats = append(formats, with(t, func(c *Config) {
			c.Namespaces = map[string]string{"o": urnX, "p": urnY}
			c.Lists = []string{"line", "o:line", "p:line"}
			set(c)
		}))
	}
	m := maker{rand.New(rand.NewPCG(1, 2))}
	for i := range 10_000 {
		v := doc.ObjectOf([]doc.Field{{Name: m.pick("order", "o:order"), Value: m.value(1 + m.IntN(3))}})
		f := formats[i%len(formats)]
		raw, err := f.Encode(v)
		if err != nil {
			t.Fatalf("%s: %v", v.JSON(), err)
		}
		back, err := f.Decode(raw)
		if f.Records != nil {
			var body hub.Body
			if body, _, err = f.Records(strings.NewReader(string(raw)), 1<<20)(); err == nil {
				back, err = body.Doc()
			}
		}
		if err != nil || !doc.Equal(v, back) {
			t.Fatalf("%d: %v\n%s\nis written %s", i, err, cmp.Diff(v.Any(), back.Any()), raw)
		}
		if err := referee(raw, back); err != nil {
			t.Fatalf("%s\n%v", raw, err)
		}
	}
}

// outline is what encoding/xml reads: how many elements have each local name, and how often each character is in the texts, white space aside.
func outline(raw []byte) (names map[string]int, letters map[rune]int, err error) {
	d := xml.NewDecoder(strings.NewReader(string(raw)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	names, letters = map[string]int{}, map[rune]int{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return names, letters, nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			names[token.Name.Local]++
		case xml.CharData:
			for _, r := range strings.Join(strings.Fields(string(token)), "") {
				letters[r]++
			}
		}
	}
}

// referee compares a document with what encoding/xml reads.
func referee(raw []byte, v doc.Value) error {
	count, letters, err := outline(raw)
	if err != nil {
		return fmt.Errorf("encoding/xml refuses it: %w", err)
	}
	var visit func(name string, v doc.Value)
	visit = func(name string, v doc.Value) {
		if v.Kind() == doc.Array {
			for _, e := range v.Elems() {
				visit(name, e)
			}
			return
		}
		if name != "#text" {
			count[name[strings.IndexByte(name, ':')+1:]]--
		}
		for _, r := range strings.Join(strings.Fields(v.Str()), "") {
			letters[r]--
		}
		for field, f := range v.Fields() {
			if !strings.HasPrefix(field, "@") {
				visit(field, f)
			}
		}
	}
	for name, root := range v.Fields() {
		visit(name, root)
	}
	for what, n := range count {
		if n != 0 {
			return fmt.Errorf("%d elements %s more in encoding/xml", n, what)
		}
	}
	for what, n := range letters {
		if n != 0 {
			return fmt.Errorf("%d characters %q more in encoding/xml", n, what)
		}
	}
	return nil
}

// What encoding/xml lets through and is refused here, by words of the reason. All else that it reads is read.
var stricter = []string{"DOCTYPE", "is not declared", "there twice", "behind the root element", "the root element", "is empty", "no name in XML", "XML declaration",
	"nested deeper", "more than", "can't be in XML", "belong to XML itself", "has no namespace", "begins neither", "is not known", "standalone", "not UTF-8", "in the encoding",
	"is no prefix", "white space", "of a processing instruction", "stands for", "the quote behind the value"}

// checkText checks what must hold of every text.
func checkText(t testing.TB, raw []byte) {
	f := with(t, func(c *Config) { c.Record = "*/*" })
	began := time.Now()
	v, err := f.Decode(raw)
	if took := time.Since(began); took > 20*time.Second {
		t.Fatalf("%d bytes took %s", len(raw), took)
	}
	readAll(f.Records(strings.NewReader(string(raw)), 1<<16))
	if err != nil {
		var e *doc.SyntaxError
		if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Code == "" || e.Detail == "" {
			t.Fatalf("%q: %#v", raw, err)
		}
		if _, _, err := outline(raw); err == nil {
			if bytes.HasPrefix(raw, []byte("<?xml")) && e.Offset <= bytes.Index(raw, []byte("?>")) {
				return // encoding/xml does not look into the declaration
			}
			for _, reason := range stricter {
				if strings.Contains(e.Detail, reason) {
					return
				}
			}
			t.Fatalf("%q: encoding/xml reads it: %v", raw, e)
		}
		return
	}
	if _, err := doc.Parse(v.JSON()); err != nil {
		t.Fatalf("%q: no document: %v", raw, err)
	}
	if err := referee(raw, v); err != nil && utf8.Valid(raw) && !bytes.ContainsRune(raw, 0) && !bytes.Contains(raw, []byte("encoding")) && !bytes.HasPrefix(raw, []byte("\uFEFF")) {
		t.Fatalf("%q read as %s: %v", raw, v.JSON(), err)
	}
	out, err := f.Encode(v)
	if err != nil {
		t.Fatalf("%q: read as %s, which can't be written: %v", raw, v.JSON(), err)
	}
	if again, err := f.Decode(out); err != nil || !doc.Equal(v, again) {
		t.Fatalf("%q\nread as %s\nwritten %s\nread as %s %v", raw, v.JSON(), out, again.JSON(), err)
	}
}

var seeds = []string{
	`<?xml version="1.0" encoding="UTF-8"?><order id="5"><line>1</line><line x='2'>&lt;&#65;</line><![CDATA[x]]> y<!-- z --><?p q?></order>`,
	`<a xmlns="urn:a" xmlns:b="urn:b"><b:c b:d="e"/><c xmlns=""/><d xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></a>`,
	"<a>\r\n<b> </b>]] ></a>", "<a xml:space='preserve'> <b/> </a>", "<!DOCTYPE a><a/>", "\uFEFF<a/>", "\xFF\xFE<\x00a\x00/\x00>\x00", "<a><b></a></b>", "<a b='1' b='2'/>",
	"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>", "<a><![CDATA[", "<a:b xmlns:a='x' xmlns:c='x' a:d='' c:d=''/>", "<a/><b/>", "<a>&b;</a>", "<a>&#x110000;</a>",
	`<a><b xmlns:xsi="0"/></a>`, "<?xml 0?>", `<?xml 0="?>`, "<\x00A0/\x00>\x00",
}

const envelope11 = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`

func FuzzSOAP(f *testing.F) {
	format := with(f, func(c *Config) { c.SOAP = "1.1" })
	for _, in := range []string{"", "<order><line>1</line></order>", "<e:Fault><faultcode>e:Client.Auth</faultcode><faultstring>no</faultstring><detail><code>7</code></detail></e:Fault>",
		"<e:Fault/>", "<e:Fault><faultcode><a/></faultcode></e:Fault><e:Fault/>"} {
		f.Add([]byte(envelope11 + in + "</e:Body></e:Envelope>"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		hubtest.Hostile(t, format, raw)
		v, err := format.Decode(raw)
		if err != nil {
			return
		}
		out, err := format.Encode(v)
		if err != nil {
			return
		}
		if again, err := format.Decode(out); err != nil || !doc.Equal(again, v) {
			t.Errorf("%q is %s, written as %q, read as %s, %v", raw, v, out, again, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) <= 64<<10 {
			checkText(t, raw)
		}
	})
}

// 64 KiB of the worst that a sender can think of take little time and memory.
func TestBounds(t *testing.T) {
	const size = 64 << 10
	var attributes, names strings.Builder
	for i := range 250 {
		fmt.Fprintf(&attributes, " a%d=''", i)
	}
	for i := 0; names.Len() < size; i++ {
		fmt.Fprintf(&names, "<n%d/>", i)
	}
	for name, unit := range map[string]string{
		"text": "x", "elements": "<a/>", "mixed": "a<b/>", "references": "&#65;", "cdata": "<![CDATA[x]]>", "comments": "<!---->", "ampersands": "&", "open": "<a>",
		"attributes": "<a" + attributes.String() + "/>", "spaces": "<a xmlns:b='c' b:d=''/>", "names": names.String(), "carriage returns": "a\r<b/>", "brackets": "]]",
	} {
		t.Run(name, func(t *testing.T) {
			raw := []byte("<r>" + strings.Repeat(unit, max(1, size/len(unit))) + "</r>")
			hubtest.Bounds(t, with(t, func(c *Config) { c.Record = "*/*" }), string(raw))
			hubtest.Bounds(t, with(t, func(c *Config) { c.SOAP = "1.1" }), envelope11+string(raw)+"</e:Body></e:Envelope>")
			checkText(t, raw)
		})
	}
}
