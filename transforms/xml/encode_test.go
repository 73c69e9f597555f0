package xml

import (
	"errors"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/hubtest"
)

func parse(t testing.TB, json string) doc.Value {
	t.Helper()
	v, err := doc.Parse([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// plain writes without a declaration.
func plain(set func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Declaration = false
		if set != nil {
			set(c)
		}
	}
}

func TestEncode(t *testing.T) {
	order := func(c *Config) {
		c.Root, c.Order = "Order", map[string][]string{"Order": {"Id", "Date", "Line"}, "*": {"z"}, "Line/Price": {"Net"}}
	}
	for _, c := range []struct {
		name, in, want string
		set            func(*Config)
	}{
		{"values", `{"a":{"@n":1,"@no":null,"t":true,"n":1.50,"e":"","o":{},"l":["x",{"@y":"z"}],"none":[],"#text":"t"}}`,
			`<a n="1"><t>true</t><n>1.50</n><e/><o/><l>x</l><l y="z"/>t</a>`, nil},
		{"escapes", `{"a":{"@b":"<>&\"'\t\n\r","#text":"<>&\"']]>\t\n\r"}}`, "<a b=\"&lt;&gt;&amp;&quot;'&#9;&#10;&#13;\">&lt;&gt;&amp;\"']]&gt;\t\n&#13;</a>", nil},
		{"white space alone", `{"a":[" "]}`, `xml_list at "/a": a list where one element is expected: put a name between, as in {"line": [...]}`, nil},
		{"white space that is text", `{"a":{"b":"\n ","c":" x"}}`, "<a><b>&#10; </b><c> x</c></a>", nil},
		{"nil", `{"a":{"b":null,"c":[null,"x"]}}`, `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/><c xsi:nil="true"/><c>x</c></a>`, nil},
		{"empty for null", `{"a":{"b":null}}`, `<a><b/></a>`, func(c *Config) { c.Nulls = nullsEmpty }},
		{"null left out", `{"a":{"b":null,"c":[null]}}`, `<a/>`, func(c *Config) { c.Nulls = nullsOmit }},
		{"root", `{"@id":"5","line":["x"]}`, `<order id="5"><line>x</line></order>`, func(c *Config) { c.Root = "order" }},
		{"order", `{"Line":[{"Price":{"Gross":"2","Net":"1"},"z":"","a":""}],"x":"","z":"","Id":"5","#text":"t"}`,
			`<Order><Id>5</Id><Line><z/><Price><Net>1</Net><Gross>2</Gross></Price><a/></Line><x/><z/>t</Order>`, order},
		{"declaration", `{"a":"ü"}`, `<?xml version="1.0" encoding="UTF-8"?>` + "\n<a>ü</a>", func(c *Config) { c.Declaration = true }},
		{"indent", `{"a":{"@x":"1","b":["1",{"c":"","d":""}],"m":{"#text":"t","i":{"j":""}},"e":{}}}`,
			"<a x=\"1\">\n  <b>1</b>\n  <b>\n    <c/>\n    <d/>\n  </b>\n  <m>t<i><j/></i></m>\n  <e/>\n</a>", func(c *Config) { c.Indent = 2 }},
		{"what is used is declared", `{"o:a":{"@p:x":"1","b":""}}`, `<o:a xmlns:o="urn:x" xmlns:p="urn:y" p:x="1"><b/></o:a>`,
			namespaces(map[string]string{"o": urnX, "p": urnY, "q": "urn:z"})},
		{"no prefix", `{"a":{"@x":"1"}}`, `<a xmlns="urn:x" x="1"/>`, namespaces(map[string]string{"": urnX})},
		{"the document's own", `{"x:a":{"@xmlns:x":"urn:x","@xml:lang":"de","b":{"@xmlns":"urn:y"}}}`, `<x:a xmlns:x="urn:x" xml:lang="de"><b xmlns="urn:y"/></x:a>`, nil},

		{"two roots", `{"a":1,"b":2}`, `xml_root at "": an object with 2 fields, where XML has one root element: write an object with one field, or root: in the format`, nil},
		{"no object", `[1]`, `xml_root at "": a list, where XML has one root element: write an object with one field, or root: in the format`, nil},
		{"a list in a list", `{"a":{"b":[["x"]]}}`, `xml_list at "/a/b/0": a list where one element is expected: put a name between, as in {"line": [...]}`, nil},
		{"a name", `{"a":{"order no":1}}`, `xml_name at "/a/order no": "order no" is no name in XML: rename the field, or leave it out`, nil},
		{"a name of an attribute", `{"a":{"@":1}}`, `xml_name at "/a/@": "" is no name in XML: rename the field, or leave it out`, nil},
		{"a prefix", `{"a":{"b":[1,{"x:y/z":2}]}}`, `xml_name at "/a/b/1/x:y~1z": "x:y/z" is no name in XML: rename the field, or leave it out`, nil},
		{"an undeclared prefix", `{"a":{"x:b":1}}`, `xml_prefix at "/a/x:b": the prefix of x:b stands for no namespace: write it into namespaces, or declare it as "@xmlns:x" in this element or one around it`, nil},
		{"an attribute of parts", `{"a":{"@x":{}}}`, `xml_value at "/a/@x": an object with 0 fields where an attribute has one text: leave out the @, or write a text`, nil},
		{"a text of parts", `{"a":{"#text":["x"]}}`, `xml_value at "/a/#text": a list where a text is expected`, nil},
		{"a character", `{"a":{"b":"x\u0001"}}`, `xml_character at "/a/b": the character U+0001, which XML can't have: take it out`, nil},
		{"U+FFFE", `{"a":{"@b":"x\ufffe"}}`, `xml_character at "/a/@b": the character U+FFFE, which XML can't have: take it out`, nil},
		{"our prefix for another namespace", `{"o:a":{"@xmlns:o":"urn:y"}}`, `xml_namespace at "/o:a/@xmlns:o": the prefix "o" for urn:y, but it is that of urn:x: write another`, namespaces(map[string]string{"o": urnX})},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := with(t, plain(c.set))
			raw, err := f.Encode(parse(t, c.in))
			got := string(raw)
			var e *hub.Error
			if errors.As(err, &e) {
				got = e.Reason + " " + e.Error()
			}
			if got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			if err == nil {
				if _, err := f.Decode(raw); err != nil {
					t.Errorf("%s can't be read: %v", raw, err)
				}
			}
		})
	}
	deep := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	if _, err := with(t, nil).Encode(parse(t, deep)); err != nil {
		t.Error(err)
	}
	if _, err := with(t, nil).Encode(doc.ObjectOf([]doc.Field{{Name: "a", Value: parse(t, deep)}})); err == nil || hub.AsError(err).Reason != CodeTooDeep {
		t.Error(err)
	}
}

func TestSOAP(t *testing.T) {
	const s11, s12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
	v11 := func(c *Config) { c.SOAP = "1.1" }
	v12 := func(c *Config) { c.SOAP = "1.2" }
	envelope := func(ns, in string) string { return `<e:Envelope xmlns:e="` + ns + `">` + in + `</e:Envelope>` }
	for _, c := range []struct {
		name, in, want string
		set            func(*Config)
	}{
		{"a body", envelope(s11, "<e:Header/>\n<e:Body>\n<GetPrice><sku>1</sku></GetPrice></e:Body>"), `{"body":{"GetPrice":{"sku":"1"}}}`, v11},
		{"a header", envelope(s12, `<e:Header><token e:mustUnderstand="true">x</token></e:Header><e:Body/>`), `{"header":{"token":{"@soap:mustUnderstand":"true","#text":"x"}},"body":""}`, v12},
		{"a root", envelope(s11, "<e:Body><GetPrice><sku>1</sku></GetPrice></e:Body>"), `{"body":{"sku":"1"}}`, func(c *Config) { c.SOAP, c.Root = "1.1", "GetPrice" }},
		{"another root", envelope(s11, "<e:Body><SetPrice/></e:Body>"), `bad_xml: line 1 column 1: the Body has no GetPrice`, func(c *Config) { c.SOAP, c.Root = "1.1", "GetPrice" }},
		{"our prefix", envelope(s11, "<e:Body><e:x/></e:Body>"), `{"body":{"env:x":""}}`, func(c *Config) { c.SOAP, c.Namespaces = "1.1", map[string]string{"env": s11} }},
		{"another version", envelope(s12, "<e:Body/>"), `bad_xml: line 1 column 1: the root element is e:Envelope, expected the Envelope of SOAP 1.1 (` + s11 + `)`, v11},
		{"no envelope", "<html/>", `bad_xml: line 1 column 1: the root element is html, expected the Envelope of SOAP 1.1 (` + s11 + `)`, v11},
		{"no body", envelope(s11, ""), "bad_xml: line 1 column 1: the Envelope has no Body, or several", v11},
		{"a fault of ours, 1.1", envelope(s11, `<e:Body><e:Fault><faultcode>e:Client.Auth</faultcode><faultstring>who are you</faultstring><detail><code>7</code></detail></e:Fault></e:Body>`),
			`rejected soap_fault: the far end reports the SOAP fault Client.Auth: who are you: {"code":"7"}`, v11},
		{"a fault of theirs, 1.1", envelope(s11, `<e:Body><e:Fault><faultcode>e:Server</faultcode><faultstring xml:lang="en">busy</faultstring></e:Fault></e:Body>`),
			`unavailable soap_fault: the far end reports the SOAP fault Server: busy`, v11},
		{"a fault of ours, 1.2", envelope(s12, `<e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value xmlns:m="urn:m">m:NoStock</e:Value></e:Subcode></e:Code>`+
			`<e:Reason><e:Text xml:lang="en">none left</e:Text><e:Text xml:lang="de">nichts da</e:Text></e:Reason><e:Detail>sku 1</e:Detail></e:Fault></e:Body>`),
			`rejected soap_fault: the far end reports the SOAP fault Sender: NoStock: none left: sku 1`, v12},
		{"a fault of theirs, 1.2", envelope(s12, `<e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text xml:lang="en">busy</e:Text></e:Reason></e:Fault></e:Body>`),
			`unavailable soap_fault: the far end reports the SOAP fault Receiver: busy`, v12},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said(with(t, c.set).Decode([]byte(c.in))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, in, want string
		set            func(*Config)
	}{
		{"a body", `{"body":{"GetPrice":{"sku":"1"}}}`, `<soap:Envelope xmlns:soap="` + s11 + `"><soap:Body><GetPrice><sku>1</sku></GetPrice></soap:Body></soap:Envelope>`, v11},
		{"a header", `{"header":{"t":"x"},"body":null}`, `<soap:Envelope xmlns:soap="` + s12 + `"><soap:Header><t>x</t></soap:Header><soap:Body/></soap:Envelope>`, v12},
		{"a root", `{"body":{"sku":"1"}}`, `<soap:Envelope xmlns:m="urn:x" xmlns:soap="` + s11 + `"><soap:Body><m:Get><sku>1</sku></m:Get></soap:Body></soap:Envelope>`,
			func(c *Config) { c.SOAP, c.Root, c.Namespaces = "1.1", "m:Get", map[string]string{"m": urnX} }},
		{"a fault", `{"body":{"soap:Fault":{"faultcode":"soap:Client","faultstring":"no"}}}`,
			`<soap:Envelope xmlns:soap="` + s11 + `"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring></soap:Fault></soap:Body></soap:Envelope>`, v11},
		{"no body", `{"header":{}}`, `xml_soap at "": an object with 1 fields without the field body, which is what SOAP sends: write an object with body, and header if there is one`, v11},
		{"more", `{"body":{},"id":1}`, `xml_soap at "": the field id, where SOAP has header and body: put it into body`, v11},
		{"a mistake in it", `{"body":{"a":{"b c":1}}}`, `xml_name at "/body/a/b c": "b c" is no name in XML: rename the field, or leave it out`, v11},
		{"a mistake in a root", `{"body":{"b c":1}}`, `xml_name at "/body/b c": "b c" is no name in XML: rename the field, or leave it out`, func(c *Config) { c.SOAP, c.Root = "1.1", "Get" }},
	} {
		t.Run("write "+c.name, func(t *testing.T) {
			raw, err := with(t, plain(c.set)).Encode(parse(t, c.in))
			got := string(raw)
			if err != nil {
				got = hub.AsError(err).Reason + " " + err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for version, want := range map[string]string{"": "application/xml", "1.1": "text/xml", "1.2": "application/soap+xml"} {
		if f := with(t, func(c *Config) { c.SOAP = version }); f.Type != want || !f.Untyped {
			t.Errorf("%q: %+v", version, f)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		set  func(*Config)
		want string
	}{
		{func(c *Config) { c.Namespaces = map[string]string{"1": urnX} }, `namespaces: "1" is no prefix`},
		{func(c *Config) { c.Namespaces = map[string]string{"xmlx": urnX} }, `namespaces: "xmlx" is no prefix`},
		{func(c *Config) { c.Namespaces = map[string]string{"o": ""} }, `namespaces: "" is no namespace that "o" can stand for`},
		{func(c *Config) { c.Namespaces = map[string]string{"o": urnX, "p": urnX} }, `namespaces: "o" and "p" are both urn:x`},
		{func(c *Config) { c.Namespaces = map[string]string{"xsi": urnX} }, `namespaces: the prefix xsi is that of http://www.w3.org/2001/XMLSchema-instance`},
		{func(c *Config) { c.Root = "a b" }, `"a b" is no name in XML`},
		{func(c *Config) { c.Record = "a//b" }, `"a//b" is no path of elements`},
		{func(c *Config) { c.Record, c.SOAP = "a/b", "1.1" }, `record and soap: an envelope is one document`},
		{func(c *Config) { c.Record, c.Root = "a/b", "a" }, `root: each document is a b (record: a/b), which is no a`},
		{func(c *Config) { c.Lists = []string{"a/"} }, `"a/" is no path of elements`},
		{func(c *Config) { c.Order = map[string][]string{"a": {"x y"}} }, `"x y" is no name in XML`},
		{func(c *Config) {
			c.Root, c.Record, c.Lists = "o:b", "a/*/o:b", []string{"*", "a/*"}
			c.Namespaces = map[string]string{"": urnY, "o": urnX}
		}, ``},
	} {
		config := defaults()
		c.set(config)
		got := ""
		for _, f := range config.check() {
			got += f.Message
			if f.Help == "" || f.Path == "" {
				t.Errorf("%+v", f)
			}
		}
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// Each option of the format is explained in its README.
func TestReadme(t *testing.T) {
	kind := Format()
	if _, ok := kind.Config().(*Config); !ok || kind.Check(kind.Config()) != nil {
		t.Error("the defaults have a fault")
	}
	hubtest.FormatReadme(t, kind)
}
