package xml

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// with opens the format with some options.
func with(t testing.TB, set func(*Config)) *hub.Format {
	t.Helper()
	c := defaults()
	if set != nil {
		set(c)
	}
	if faults := c.check(); faults != nil {
		t.Fatalf("options: %v", faults)
	}
	f, err := open(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// said is a document as JSON, or its error with the code before it.
func said(v doc.Value, err error) string {
	var syntax *doc.SyntaxError
	var class *hub.Error
	switch {
	case errors.As(err, &syntax):
		return syntax.Code + ": " + syntax.Error()
	case errors.As(err, &class):
		return class.Label() + ": " + class.Error()
	case err != nil:
		return err.Error()
	}
	return string(v.JSON())
}

const (
	urnX = "urn:x"
	urnY = "urn:y"
)

func namespaces(spaces map[string]string) func(*Config) {
	return func(c *Config) { c.Namespaces = spaces }
}

func TestDecode(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d='%d'", i, i)
		}
		return "<a" + b.String() + "/>"
	}
	for _, c := range []struct {
		name, in, want string
		set            func(*Config)
	}{
		// values
		{"elements", "<order><id>5</id><note/></order>", `{"order":{"id":"5","note":""}}`, nil},
		{"a root of text", "<a>x</a>", `{"a":"x"}`, nil},
		{"an empty root", "<a></a>", `{"a":""}`, nil},
		{"attributes", `<order id="5" kind='web'><total currency="EUR">5.20</total><none x=""/></order>`,
			`{"order":{"@id":"5","@kind":"web","total":{"@currency":"EUR","#text":"5.20"},"none":{"@x":""}}}`, nil},
		{"a list, at the place of the first", "<o><l>1</l><s/><l>2</l><l x='3'/></o>", `{"o":{"l":["1","2",{"@x":"3"}],"s":""}}`, nil},
		{"lists in elements of the same name", "<a><a><a/></a><a/><b><a/></b><a/></a>", `{"a":{"a":[{"a":""},"",""],"b":{"a":""}}}`, nil},
		{"mixed text", "<p>One <b>two</b> three<i/> \n </p>", `{"p":{"b":"two","i":"","#text":"One  three"}}`, nil},
		{"layout is no text", "<a>\n  <b> </b>\r\n\t<c>\n</c>\n</a>", `{"a":{"b":"","c":""}}`, nil},
		{"text is not trimmed", "<a> x\n</a>", `{"a":" x\n"}`, nil},
		{"white space that is meant", "<a><b>&#32;</b><c><![CDATA[ ]]></c><d xml:space='preserve'> <e> </e></d></a>",
			`{"a":{"b":" ","c":" ","d":{"@xml:space":"preserve","e":" ","#text":" "}}}`, nil},
		{"CDATA", "<a>1 <![CDATA[<b> & ]] ]]>2<![CDATA[]]></a>", `{"a":"1 <b> & ]] 2"}`, nil},
		{"comments and instructions do not interrupt a text", "<?go on?><!-- <x> --><a>1<!-- & - -->\n<?p?>2</a><!----><?q ??>", `{"a":"1\n2"}`, nil},
		{"entities and references", `<a t="&lt;&quot;&#x41;&#10;'">&amp;&gt;&apos;&#228;&#x1F600;</a>`, `{"a":{"@t":"<\"A\n'","#text":"&>'ä😀"}}`, nil},
		{"line ends", "<a t='1\r\n2\t3\n'>1\r\n2\r3&#13;</a>", `{"a":{"@t":"1 2 3 ","#text":"1\n2\n3\r"}}`, nil},
		{"characters", "<Größe ä='ö'>日本 ﷐</Größe>", `{"Größe":{"@ä":"ö","#text":"日本 ﷐"}}`, nil},
		{"a declaration", "<?xml version='1.0' encoding=\"utf-8\" standalone='yes' ?>\n<a/>\n", `{"a":""}`, nil},
		{"white space in tags", "<a\n x = '1'\t><b ></b\n></a >", `{"a":{"@x":"1","b":""}}`, nil},
		{"nil", `<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><b i:nil="true"/><c i:nil="1"></c><d i:nil="false"/><e i:nil="true" x="1"/></a>`,
			`{"a":{"b":null,"c":null,"d":{"@xsi:nil":"false"},"e":{"@xsi:nil":"true","@x":"1"}}}`, nil},

		// lists
		{"lists by name", "<o><line>1</line><x><line/></x></o>", `{"o":{"line":["1"],"x":{"line":[""]}}}`, func(c *Config) { c.Lists = []string{"line"} }},
		{"lists by path", "<o><a><line/></a><b><line/></b></o>", `{"o":{"a":{"line":[""]},"b":{"line":""}}}`, func(c *Config) { c.Lists = []string{"o/a/line"} }},
		{"lists by any step", "<o><a><line/></a><line/></o>", `{"o":{"a":{"line":[""]},"line":""}}`, func(c *Config) { c.Lists = []string{"o/*/line"} }},
		{"lists of all", "<o><a><line/></a></o>", `{"o":{"a":[{"line":[""]}]}}`, func(c *Config) { c.Lists = []string{"*"} }},

		// namespaces
		{"a prefix of the document's own", `<x:a xmlns:x="urn:x" x:i="1"><b xmlns="urn:y"/></x:a>`, `{"x:a":{"@xmlns:x":"urn:x","@x:i":"1","b":{"@xmlns":"urn:y"}}}`, nil},
		{"our prefix", `<x:a xmlns:x="urn:x" x:i="1" j="2"><b xmlns="urn:x" k="3"/></x:a>`, `{"o:a":{"@o:i":"1","@j":"2","o:b":{"@k":"3"}}}`, namespaces(map[string]string{"o": urnX})},
		{"no prefix", `<x:a xmlns:x="urn:x"><y:b xmlns:y="urn:y"/><x:c/></x:a>`, `{"a":{"y:b":{"@xmlns:y":"urn:y"},"c":""}}`, namespaces(map[string]string{"": urnX})},
		{"a namespace ends with its element", `<a><b xmlns="urn:x"><b/></b><b/></a>`, `{"a":{"o:b":{"o:b":""},"b":""}}`, namespaces(map[string]string{"o": urnX})},
		{"two prefixes of one namespace are one name", `<a xmlns:x="urn:x" xmlns:y="urn:x"><x:b/><y:b/></a>`, `{"a":{"o:b":["",""]}}`, namespaces(map[string]string{"o": urnX})},
		{"no namespace inside one", `<a xmlns="urn:x"><b xmlns=""/></a>`, `{"a":{"b":{"@xmlns":""}}}`, namespaces(map[string]string{"": urnX})},
		{"xml is known", `<a xml:lang="de"/>`, `{"a":{"@xml:lang":"de"}}`, nil},

		// root
		{"root", `<order id="5"/>`, `{"@id":"5"}`, func(c *Config) { c.Root = "order" }},
		{"another root", `<!---->` + "\n" + `<offer id="5"/>`, "bad_xml: line 2 column 1: the root element is offer, expected order", func(c *Config) { c.Root = "order" }},

		// what is refused
		{"nothing", " \n", "empty_body: line 1 column 1: the document is empty", nil},
		{"no XML", "id=5", "bad_xml: line 1 column 1: expected the root element, found 'i'", nil},
		{"JSON", `{"a": 1}`, "bad_xml: line 1 column 1: expected the root element, found '{'", nil},
		{"two roots", "<a/>\n<b/>", "bad_xml: line 2 column 1: expected nothing behind the root element, found '<'", nil},
		{"text behind the root", "<a/> x", "bad_xml: line 1 column 6: expected nothing behind the root element, found 'x'", nil},
		{"an end tag behind the root", "<a/></a>", "bad_xml: line 1 column 5: expected nothing behind the root element, found '<'", nil},
		{"CDATA behind the root", "<a/><![CDATA[x]]>", "bad_xml: line 1 column 5: <! begins neither a comment nor a CDATA section here: < is written as &lt;", nil},
		{"another end tag", "<a>\n  <ä>x</a>", "bad_xml: line 2 column 7: expected </ä>, found </a>", nil},
		{"an end", "<a><b>", "bad_xml: line 1 column 7: expected the end of the element, found the end of the document: <b> is not closed", nil},
		{"an end in a text", "<a>x", "bad_xml: line 1 column 5: expected the end of the element, found the end of the document: <a> is not closed", nil},
		{"an end in a tag", "<a><b c='1'", "bad_xml: line 1 column 12: expected >, found the end of the document: <a> is not closed", nil},
		{"an attribute twice", `<a x="1" x="2"/>`, "bad_xml: line 1 column 10: the attribute x is there twice", nil},
		{"an attribute twice by its namespace", `<a xmlns:x="urn:x" xmlns:y="urn:x" x:b="1" y:b="2"/>`, "bad_xml: line 1 column 44: the attribute y:b is there twice", nil},
		{"a declaration twice", `<a xmlns:x="urn:x" xmlns:x="urn:x"/>`, "bad_xml: line 1 column 20: the attribute xmlns:x is there twice", namespaces(map[string]string{"o": urnX})},
		{"an attribute without quotes", `<a x=1/>`, "bad_xml: line 1 column 6: expected a quote before the value of the attribute x, found '1'", nil},
		{"an attribute without a value", `<a x/>`, "bad_xml: line 1 column 5: expected = and the value of the attribute x, found '/'", nil},
		{"attributes in one", `<a x="1"y="2"/>`, "bad_xml: line 1 column 9: expected white space, > or />, found 'y'", nil},
		{"a quote that is missing", "<a x=\"1>\n<b/></a>", "bad_xml: line 2 column 1: < in the value of the attribute x: its quote is missing, or it must be written as &lt;", nil},
		{"an undeclared prefix", "<a><x:b/></a>", "bad_xml: line 1 column 5: the prefix x is not declared: expected xmlns:x in this element or one around it", nil},
		{"an undeclared prefix of an attribute", "<a x:b='1'/>", "bad_xml: line 1 column 4: the prefix x is not declared: expected xmlns:x in this element or one around it", nil},
		{"a prefix without namespace", "<a xmlns:x=''/>", "bad_xml: line 1 column 4: the prefix x has no namespace", nil},
		{"a reserved prefix", "<a xmlns:xml='urn:x'/>", `bad_xml: line 1 column 4: the prefixes xml and xmlns and their namespaces belong to XML itself: xmlns:xml can't be "urn:x"`, nil},
		{"our prefix for another namespace", `<o:a xmlns:o="urn:y"/>`, `bad_xml: line 1 column 6: the prefix "o" is urn:y here, and stands for urn:x in names of fields: give urn:y a prefix of its own in namespaces`,
			namespaces(map[string]string{"o": urnX})},
		{"another namespace without prefix", `<a xmlns="urn:y"/>`, `bad_xml: line 1 column 4: the prefix "" is urn:y here, and stands for urn:x in names of fields: give urn:y a prefix of its own in namespaces`,
			namespaces(map[string]string{"": urnX})},
		{"an attribute that would lose its prefix", `<a xmlns:x="urn:x" x:b="1"/>`, "bad_xml: line 1 column 20: the attribute x:b is in urn:x, for which names have no prefix: give it one in namespaces",
			namespaces(map[string]string{"": urnX})},
		{"names", "<a><1/></a>", `bad_xml: line 1 column 5: "1" is no name in XML`, nil},
		{"two colons", "<a xmlns:b='urn:x'><b:c:d/></a>", `bad_xml: line 1 column 21: "b:c:d" is no name in XML`, nil},
		{"no name", "<a>< b/></a>", "bad_xml: line 1 column 5: expected the name of an element, found ' '", nil},
		{"a character that is in no name", "<a><b×/></a>", `bad_xml: line 1 column 5: "b×" is no name in XML`, nil},
		{"a DOCTYPE", "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
			"xml_doctype: line 2 column 1: a DOCTYPE is refused, as it can name files and entities: send the document without it", nil},
		{"an entity", "<a>&nbsp;</a>", "bad_xml: line 1 column 4: the entity &nbsp; is not known: write the character itself, or its number as in &#160;", nil},
		{"a bare &", "<a>B & C; x</a>", "bad_xml: line 1 column 6: & begins no reference: write &amp;", nil},
		{"a bare & at the end", "<a>B &</a>", "bad_xml: line 1 column 6: & begins no reference: write &amp;", nil},
		{"no character", "<a>&#0;</a>", "bad_xml: line 1 column 4: &#0; is no character that XML can have", nil},
		{"a surrogate", "<a>&#xD800;</a>", "bad_xml: line 1 column 4: &#xD800; is no character that XML can have", nil},
		{"a number that is too large", "<a>&#99999999999999999999;</a>", "bad_xml: line 1 column 4: &#99999999999999999999; is no character that XML can have", nil},
		{"a control character", "<a>x\x01</a>", "bad_xml: line 1 column 5: the character U+0001 can't be in XML", nil},
		{"a control character in an attribute", "<a b='\x00'/>", "bad_xml: line 1 column 7: the character U+0000 can't be in XML", nil},
		{"a control character in a comment", "<a><!--\x02--></a>", "bad_xml: line 1 column 8: the character U+0002 can't be in XML", nil},
		{"U+FFFF", "<a><![CDATA[\uFFFF]]></a>", "bad_xml: line 1 column 13: the character U+FFFF can't be in XML", nil},
		{"]]>", "<a>]]></a>", "bad_xml: line 1 column 4: ]]> in a text: write ]]&gt;", nil},
		{"-- in a comment", "<a><!-- a -- b --></a>", "bad_xml: line 1 column 13: expected > behind the -- of a comment, found ' '", nil},
		{"a comment without end", "<a><!-- ", "bad_xml: line 1 column 9: expected -- behind a comment, found the end of the document: <a> is not closed", nil},
		{"a late declaration", " <?xml version='1.0'?><a/>", "bad_xml: line 1 column 2: the XML declaration must be the first thing of the document: remove what stands before it", nil},
		{"a declaration without version", "<?xml encoding='utf-8'?><a/>", "bad_xml: line 1 column 23: the XML declaration does not begin with its version", nil},
		{"another version", "<?xml version='2.0'?><a/>", `bad_xml: line 1 column 7: version "2.0" of XML is not known`, nil},
		{"declarations in disorder", "<?xml version='1.0' standalone='no' encoding='utf-8'?><a/>",
			"bad_xml: line 1 column 37: encoding in the XML declaration, which has version, encoding and standalone, in this order", nil},
		{"an unknown encoding", "<?xml version='1.0' encoding='klingon'?><a/>", `bad_xml: line 1 column 21: the encoding "klingon" is not known`, nil},
		{"bytes that are not UTF-8", "<a>\nxä\xE4</a>", "bad_utf8: line 2 column 3: the byte 0xE4 is not UTF-8: the XML declaration must name the encoding, as in encoding=\"ISO-8859-1\"", nil},
		{"depth that fits", deep(63), "", nil},
		{"depth", deep(65), "xml_too_deep: line 1 column 193: elements are nested deeper than 64 levels", nil},
		{"depth by lists", deep(33), "xml_too_deep: line 1 column 97: objects and lists would be nested deeper than 64 levels", func(c *Config) { c.Lists = []string{"a"} }},
		{"attributes that fit", attributes(256), "", nil},
		{"attributes", attributes(257), "xml_too_complex: line 1 column 2600: an element of more than 256 attributes", nil},
		{"values", "<a>" + strings.Repeat("<b/>", 100_001) + "</a>", "xml_too_complex: line 1 column 399996: more than 100000 values", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := with(t, c.set).Decode([]byte(c.in))
			if c.want == "" && err == nil {
				if _, err = doc.Parse(v.JSON()); err == nil {
					return
				}
			}
			if got := said(v, err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	text := `<a b="ö">Größe € „x“</a>`
	latin := `<a b="ö">Größe</a>`
	must := func(b []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	utf16 := func(e unicode.Endianness, b unicode.BOMPolicy, s string) string {
		return must(unicode.UTF16(e, b).NewEncoder().Bytes([]byte(s)))
	}
	for name, c := range map[string]struct{ in, want string }{
		"ISO-8859-1":              {must(charmap.ISO8859_1.NewEncoder().Bytes([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?>` + latin))), `{"a":{"@b":"ö","#text":"Größe"}}`},
		"windows-1252":            {must(charmap.Windows1252.NewEncoder().Bytes([]byte(`<?xml version="1.0" encoding='windows-1252' ?>` + text))), `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"ISO-8859-15":             {must(charmap.ISO8859_15.NewEncoder().Bytes([]byte(`<?xml version="1.0" encoding="ISO-8859-15"?><a>€</a>`))), `{"a":"€"}`},
		"UTF-8 with mark":         {"\uFEFF" + text, `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"the mark decides":        {"\uFEFF" + `<?xml version="1.0" encoding="ISO-8859-1"?>` + latin, `{"a":{"@b":"ö","#text":"Größe"}}`},
		"UTF-16, big end":         {utf16(unicode.BigEndian, unicode.UseBOM, `<?xml version="1.0" encoding="UTF-16"?>`+text), `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"UTF-16, little end":      {utf16(unicode.LittleEndian, unicode.UseBOM, text), `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"UTF-16 without mark":     {utf16(unicode.LittleEndian, unicode.IgnoreBOM, text), `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"UTF-16 that is UTF-8":    {`<?xml version="1.0" encoding="utf-16"?>` + text, `{"a":{"@b":"ö","#text":"Größe € „x“"}}`},
		"half a character":        {utf16(unicode.LittleEndian, unicode.UseBOM, "<a>x") + "\x00\xD8<\x00/\x00a\x00>\x00", "bad_xml: line 1 column 5: a byte that is no character in the encoding of the document"},
		"half a character in a c": {utf16(unicode.LittleEndian, unicode.UseBOM, "<a><!--") + "\x00\xD8-\x00-\x00>\x00", "bad_xml: line 1 column 8: a byte that is no character in the encoding of the document"},
	} {
		t.Run(name, func(t *testing.T) {
			f := with(t, func(c *Config) { c.Record = "a" })
			if got := said(f.Decode([]byte(c.in))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			body, _, err := f.Records(strings.NewReader(c.in), 1<<20)()
			v, _ := body.Doc()
			if got := said(v, err); got != c.want {
				t.Errorf("as a record\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
