package xml

import (
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// soap is what the versions of SOAP differ in.
type soap struct {
	version, uri, contentType string
}

var soaps = []soap{
	{"1.1", "http://schemas.xmlsoap.org/soap/envelope/", "text/xml"},
	{"1.2", "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml"},
}

// soapOf returns the version of a Config; nil: it is not SOAP.
func soapOf(c *Config) *soap {
	for i := range soaps {
		if soaps[i].version == c.SOAP {
			return &soaps[i]
		}
	}
	return nil
}

// soapName is the name of an element of SOAP in documents.
func (f *format) soapName(local string) string {
	if prefix := prefixOf(f.spaces, f.soap.uri); prefix != "" {
		return prefix + ":" + local
	}
	return local
}

// unwrap takes the Envelope off. A Fault is what the far end reports as its error.
func (f *format) unwrap(v doc.Value) (doc.Value, error) {
	wrong := func(format string, args ...any) (doc.Value, error) {
		return doc.Value{}, place{}.syntax(nil, bad(0, format, args...))
	}
	envelope := v.Get(f.soapName("Envelope"))
	if envelope.Kind() == doc.Missing {
		for name := range v.Fields() {
			return wrong("the root element is %s, expected the Envelope of SOAP %s (%s)", name, f.SOAP, f.soap.uri)
		}
	}
	header, body := envelope.Get(f.soapName("Header")), envelope.Get(f.soapName("Body"))
	switch {
	case body.Kind() == doc.Missing || body.Kind() == doc.Array:
		return wrong("the Envelope has no Body, or several")
	case body.Get(f.soapName("Fault")).Kind() != doc.Missing:
		return doc.Value{}, f.fault(body.Get(f.soapName("Fault")))
	case f.Root != "" && body.Get(f.Root).Kind() == doc.Missing:
		return wrong("the Body has no %s", f.Root)
	case f.Root != "":
		body = body.Get(f.Root)
	}
	fields := []doc.Field{{Name: "body", Value: body}}
	if header.Len() > 0 {
		fields = []doc.Field{{Name: "header", Value: header}, fields[0]}
	}
	return doc.ObjectOf(fields), nil
}

// fault is the error that a Fault reports: one of the far end itself (Server, Receiver) may pass, others are for good.
func (f *format) fault(v doc.Value) error {
	code, text, detail := v.Get("faultcode"), v.Get("faultstring"), v.Get("detail")
	if f.SOAP == "1.2" {
		value := f.soapName("Value")
		code, text, detail = v.Get(f.soapName("Code")), v.Get(f.soapName("Reason")).Get(f.soapName("Text")), v.Get(f.soapName("Detail"))
		sub := code.Get(f.soapName("Subcode")).Get(value)
		code = code.Get(value)
		if sub.Kind() != doc.Missing {
			text = doc.StringValue(local(sub) + ": " + content(text))
		}
	}
	class := hub.Rejected
	if kind, _, _ := strings.Cut(local(code), "."); kind == "Server" || kind == "Receiver" {
		class = hub.Unavailable
	}
	more := ""
	if !detail.IsNull() && content(detail) != "" {
		more = ": " + doc.Shorten(content(detail), 1000)
	}
	return hub.Fail(class, "soap_fault", "the far end reports the SOAP fault %s: %s%s", local(code), content(text), more)
}

// content is the text of an element; the first of several.
func content(v doc.Value) string {
	if v.Kind() == doc.Array {
		v = v.At(0)
	}
	if text := v.Get("#text"); text.Kind() != doc.Missing {
		return text.Str()
	}
	return v.Text()
}

// local is the local part of the name that an element holds.
func local(v doc.Value) string {
	name := strings.TrimSpace(content(v))
	return name[strings.IndexByte(name, ':')+1:]
}

// envelope writes a document of header and body.
func (e *encoder) envelope(v doc.Value) *mistake {
	for name := range v.Fields() {
		if name != "header" && name != "body" {
			return wrong("xml_soap", "the field %s, where SOAP has header and body: put it into body", name)
		}
	}
	header, body := v.Get("header"), v.Get("body")
	if body.Kind() == doc.Missing {
		return wrong("xml_soap", "%s without the field body, which is what SOAP sends: write an object with body, and header if there is one", describe(v))
	}
	if body.IsNull() {
		body = doc.StringValue("")
	}
	at := []string{"/" + e.soapName("Header"), "/header", "/" + e.soapName("Body"), "/body"}
	if e.Root != "" {
		body = doc.ObjectOf([]doc.Field{{Name: e.Root, Value: body}})
		at[2] += "/" + e.Root
	}
	fields := []doc.Field{{Name: e.soapName("Body"), Value: body}}
	if header.Len() > 0 {
		fields = []doc.Field{{Name: e.soapName("Header"), Value: header}, fields[0]}
	}
	m := e.element(e.soapName("Envelope"), doc.ObjectOf(fields))
	if m != nil {
		for i := 0; i < len(at); i += 2 {
			if rest, ok := strings.CutPrefix(m.pointer, at[i]); ok {
				m.pointer = at[i+1] + rest
			}
		}
	}
	return m
}
